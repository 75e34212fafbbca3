"""The configuration files: where they are, and all keys with the comments that explain them.

They are read as YAML without Hydra, which takes a second to start, so that help appears at once.
"""

import os
import re
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from skelmap.utils.errors import UserError

OWN_DIRS = "SKELMAP_CONFIG_DIR"
"""Environment variable: folders of the user's own configuration files, separated as in PATH."""
KEY_WIDTH = 46
"""Width of the column of keys in help, letters."""


class Setting(NamedTuple):
    """A key of the configuration.

    Attributes:
        key: dotted.
        value: as in the file; None for a key that has further keys below.
        explanation: the comment behind it; may be empty.
    """

    key: str
    value: str | None
    explanation: str


def config_dir() -> Path:
    """Find the folder conf/: inside the installed package, else at the top of the repository."""
    package = Path(__file__).parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def own_config_dirs(arguments: Sequence[str] = ()) -> list[Path]:
    """Find the folders of the user's own configuration files, absolute.

    Args:
        arguments: of the command line; its --config-dir comes first, then those of SKELMAP_CONFIG_DIR.

    Raises:
        UserError: there is no such folder.
    """
    parser = ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd")
    given = parser.parse_known_args(list(arguments))[0].config_dir
    named = [*([given] if given else []), *filter(None, os.environ.get(OWN_DIRS, "").split(os.pathsep))]
    for folder in named:
        if not Path(folder).is_dir():
            raise UserError(f"{'--config-dir' if folder == given else OWN_DIRS}: there is no folder {folder}")
    return [Path(folder).absolute() for folder in named]


def describe_config(name: str, arguments: Sequence[str]) -> str:
    """List the groups with their choices and the keys with their values, each with its explanation.

    Args:
        name: a file of conf/, without suffix.
        arguments: KEY=VALUE words; the keys of the groups chosen here are listed.
    """
    files = _ConfigFiles([config_dir(), *own_config_dirs(arguments)], name)
    given = dict(word.lstrip("+").split("=", 1) for word in arguments if "=" in word)
    chosen = files.choices(given)
    lines = []
    if chosen:
        lines += ["Groups (choose with GROUP=NAME; * is chosen):", ""]
        for group in chosen:
            for path in files.group(group):
                mark = "*" if path.stem in chosen[group] else " "
                lines += _row(f"{mark} {group}={path.stem}", _summary(path))
        lines += [""]
    lines += ["Keys (change with KEY=VALUE):", ""]
    for setting in files.settings(chosen).values():
        value = "" if setting.value is None else f"={setting.value}"
        lines += _row(f"  {setting.key}{value}", setting.explanation)
    return "\n".join(lines)


class _ConfigFiles:
    """The files that one configuration is composed of.

    Args:
        folders: conf/ and the user's own.
        name: of the main file, without suffix.
    """

    def __init__(self, folders: Sequence[Path], name: str) -> None:
        self.folders, self.main = folders, folders[0] / f"{name}.yaml"

    def group(self, group: str) -> list[Path]:
        """List the files of a group."""
        found = [path for folder in self.folders for path in (folder / group).glob("*.yaml")]
        return sorted(found, key=lambda path: path.stem)

    def choice(self, group: str, name: str) -> Path:
        """Find the file of a choice, which may not exist."""
        return next((path for path in self.group(group) if path.stem == name), self.main.with_name("none"))

    def choices(self, given: dict[str, str]) -> dict[str, list[str]]:
        """Name the chosen files of each group: of the command line, else of an experiment, else of the main file."""
        plain = {group: choice for group, choice in _defaults(self.main) if group and not group.startswith("override")}
        chosen = {group: given.get(group, choice) for group, choice in plain.items()}
        for group in plain:
            for entry, choice in _defaults(self.choice(group, chosen[group])):
                overridden = entry.removeprefix("override /")
                if overridden in plain and overridden not in given:
                    chosen[overridden] = choice
        return {group: re.findall(r"\w+", choice) for group, choice in chosen.items()}

    def settings(self, chosen: dict[str, list[str]]) -> dict[str, Setting]:
        """Read the keys of the main file and of the chosen files; headings and Hydra's keys only if explained."""
        found = {setting.key: setting for setting in _read_settings(self.main, "")}
        for group, names in chosen.items():
            for name in names:
                found |= self._inherited(group, name)
        return {
            key: setting
            for key, setting in found.items()
            if not key.endswith(("_target_", "_partial_"))
            and (setting.explanation or (setting.value and not key.startswith("hydra.")))
        }

    def _inherited(self, group: str, name: str) -> dict[str, Setting]:
        """Read the keys of a file and of those that it builds on; a value without comment keeps the explanation."""
        path = self.choice(group, name)
        if not path.is_file():
            return {}
        found: dict[str, Setting] = {}
        for entry, parent in _defaults(path):
            if not entry and parent != "_self_":
                found |= self._inherited(group, parent)
        prefix = "" if "@package _global_" in path.read_text(encoding="utf-8") else f"{group}."
        for setting in _read_settings(path, prefix):
            before = found.get(setting.key)
            if before and before.value and setting.value:
                setting = setting._replace(explanation=setting.explanation or before.explanation)
            found[setting.key] = setting
        return found


def _compose(path: Path) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Parse a file; the nodes know their places in it."""
    node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader) if path.is_file() else None
    return node.value if isinstance(node, yaml.MappingNode) else []


def _defaults(path: Path) -> Iterator[tuple[str, str]]:
    """Give the entries of a file's defaults list: group (empty without one) and choice."""
    for key, value in _compose(path):
        if key.value == "defaults":
            for entry in value.value:
                if isinstance(entry, yaml.MappingNode):
                    yield from ((group.value, choice.value) for group, choice in entry.value)
                else:
                    yield "", entry.value


def _read_settings(path: Path, prefix: str) -> Iterator[Setting]:
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from _leaves([pair for pair in _compose(path) if pair[0].value != "defaults"], prefix, lines)


def _leaves(pairs: list[tuple[yaml.ScalarNode, yaml.Node]], prefix: str, lines: list[str]) -> Iterator[Setting]:
    for key, node in pairs:
        name = f"{prefix}{key.value}"
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            yield Setting(name, None, _comment(lines, key.end_mark))
            yield from _leaves(node.value, f"{name}.", lines)
        else:
            line = lines[node.start_mark.line]
            same_line = node.end_mark.line == node.start_mark.line
            text = line[node.start_mark.column : node.end_mark.column if same_line else None]
            yield Setting(name, re.sub(r"\s+", "", text) if text[:1] == "[" else text, _comment(lines, node.end_mark))


def _comment(lines: list[str], end: yaml.Mark) -> str:
    """Read the comment behind a value, and its further lines, which start below it."""
    if end.line >= len(lines) or "#" not in lines[end.line][end.column :]:
        return ""
    column = lines[end.line].index("#", end.column)
    parts = [lines[end.line][column + 1 :].strip()]
    for line in lines[end.line + 1 :]:
        if line[:column].strip() or line[column : column + 1] != "#":
            break
        parts.append(line[column + 1 :].strip())
    return " ".join(parts)


def _summary(path: Path) -> str:
    """Read the comment at the top of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.strip("# ") for line in lines if line.startswith("# ") and "@package" not in line), "")


def _row(left: str, right: str) -> list[str]:
    """Write a row of two columns in the terminal's width."""
    width = max(shutil.get_terminal_size((120, 24)).columns, KEY_WIDTH + 30)
    wrapped = textwrap.wrap(right, width - KEY_WIDTH) or [""]
    if len(left) > KEY_WIDTH - 2:
        wrapped = ["", *wrapped] if right else wrapped
    columns = [left, *[""] * (len(wrapped) - 1)]
    return [f"{column:{KEY_WIDTH}}{text}".rstrip() for column, text in zip(columns, wrapped, strict=True)]

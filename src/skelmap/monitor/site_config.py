"""The file site.yaml: cameras, what they have in common, and the web page of all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf

from skelmap.data.input_spec import InputSpec
from skelmap.monitor.config import MonitorConfig, read_config
from skelmap.monitor.schedule import Span, parse_schedule
from skelmap.monitor.source_factory import is_camera
from skelmap.utils.config_files import config_dir
from skelmap.utils.errors import UserError
from skelmap.utils.names import flatten, safe_filename
from skelmap.utils.redaction import URL_ACCOUNT
from skelmap.utils.schema import unknown_key

KEYS = ("output", "web", "defaults", "cameras")
WEB_KEYS = ("port", "host", "passwords", "certificate", "key")
"""Options of `skelmap page`."""
OF_THE_SITE = ("name", "output", "web")
"""Keys of the monitor that the site sets."""


@dataclass(frozen=True)
class SiteCamera:
    """A camera of a site.

    Attributes:
        name: of the camera and its output folder.
        arguments: of `skelmap monitor`, without secrets.
        environment: variables to which the arguments refer: addresses with accounts.
        output: its folder.
        schedule: when it is watched; empty for always.
    """

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    output: Path
    schedule: tuple[Span, ...]


@dataclass(frozen=True)
class Site:
    """Content of site.yaml.

    Attributes:
        output: folder of the cameras' folders.
        cameras: at least one.
        page: arguments of `skelmap page`; empty without a page.
    """

    output: Path
    cameras: tuple[SiteCamera, ...]
    page: tuple[str, ...]


def read_site(path: Path) -> Site:
    """Read and check a site; paths in it are relative to the current folder.

    Raises:
        UserError: naming the file, the camera, the key, its value and what is allowed.
    """
    content = _load(path)
    for key in content:
        if key not in KEYS:
            raise UserError(f"{path}: {unknown_key(str(key), KEYS)}; allowed are {', '.join(KEYS)}")
    output, cameras = content.get("output", "outputs/site"), content.get("cameras")
    if not isinstance(output, str) or not output:
        raise UserError(f"{path}: output={output}; allowed: a folder")
    if not isinstance(cameras, dict) or not cameras:
        raise UserError(f"{path}: cameras={cameras}; allowed: a name for each camera, with its keys below")
    common = _mapping(f"{path}: defaults", content.get("defaults") or {})
    found: dict[str, SiteCamera] = {}
    for name, keys in cameras.items():
        try:
            camera = _camera(str(name), {**common, **_mapping("keys", keys)}, Path(output))
        except UserError as error:
            raise UserError(f"{path}: camera {name}: {error}") from error
        if camera.output.name.casefold() in found:
            raise UserError(f"{path}: cameras {found[camera.output.name.casefold()].name} and {name} share a folder")
        found[camera.output.name.casefold()] = camera
    return Site(Path(output), tuple(found.values()), _page(path, Path(output), content.get("web")))


def _load(path: Path) -> dict[str, Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)  # refuses equal keys, unlike PyYAML
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        if "duplicate key" in reason:
            name, line = reason.partition("duplicate key ")[2].split()[0], reason.rpartition("line ")[2].split(",")[0]
            raise UserError(f"{path}, line {line}: {name} is there twice; names and keys are unique") from error
        raise UserError(f"{path}: not YAML ({reason})") from error
    return _mapping(str(path), content)


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where}: {value!r}; allowed: keys and values")
    return {str(key): item for key, item in value.items()}


def _camera(name: str, keys: Mapping[str, Any], output: Path) -> SiteCamera:
    """Check the keys of a camera as the monitor will, and the files that they name."""
    values = {key: value for key, value in keys.items() if key != "schedule"}
    folder = output / safe_filename(name)
    for key in OF_THE_SITE:
        if key in values:
            raise UserError(f"{key}: the site sets it; leave it out")
    values |= {"name": name, "output": str(folder)}
    config = _compose([f"{key}={_text(value)}" for key, value in _leaves(values)])
    if config.checkpoint is not None:
        InputSpec.read(Path(config.checkpoint))
    source = str(config.source)
    files = ("source", None if is_camera(source) else source), ("weights", config.weights), ("zones", config.zones)
    for key, file in files:
        if file is not None and not Path(file).exists():
            raise UserError(f"{key}={file}: no such file or folder")
    schedule = keys.get("schedule") or []
    environment: dict[str, str] = {}
    arguments = []
    for key, value in _leaves(values):
        if isinstance(value, str) and URL_ACCOUNT.search(value):  # other users of the machine can list arguments
            variable = f"SKELMAP_SITE_{key.upper().replace('.', '_')}"
            environment[variable], value = value, f"${{oc.env:{variable}}}"
        arguments.append(f"{key}={_text(value)}")
    spans = parse_schedule([schedule] if isinstance(schedule, str) else schedule)
    return SiteCamera(name, tuple(arguments), environment, folder, spans)


def _compose(overrides: list[str]) -> MonitorConfig:
    """Compose the configuration of a monitor.

    Raises:
        UserError: an unknown key, or a value that is not allowed.
    """
    file = yaml.safe_load((config_dir() / "monitor.yaml").read_text(encoding="utf-8"))
    known = flatten({key: value for key, value in file.items() if key not in ("defaults", "hydra")})
    for key in (override.partition("=")[0] for override in overrides):
        if not any(key == other or key.startswith(f"{other}.") for other in known):
            raise UserError(unknown_key(key, [*known, "schedule"]))
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        try:
            return read_config(hydra.compose("monitor", overrides))
        except HydraException as error:
            raise UserError(str(error).splitlines()[0]) from error


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and values of nested dicts."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    """Write a value as Hydra reads it on a command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, int | float):
        return repr(value)
    quoted = str(value).replace("\\", "\\\\") if str(value).endswith("\\") else str(value)
    return '"' + quoted.replace('"', '\\"') + '"'


def _page(path: Path, output: Path, web: Any) -> tuple[str, ...]:
    """Arguments of `skelmap page`."""
    if web is None:
        return ()
    options = _mapping(f"{path}: web", web)
    for key in options:
        if key not in WEB_KEYS:
            raise UserError(f"{path}: web: {unknown_key(key, WEB_KEYS)}; allowed are {', '.join(WEB_KEYS)}")
    return (str(output), *(f"--{key}={value}" for key, value in options.items() if value is not None))

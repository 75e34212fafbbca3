"""requirements.lock holds what pyproject.toml asks for and constraints.txt names, with hashes."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hydra_config import ROOT

LOCKED: dict[str, set[str]] = {}
for _line in re.findall(r"^[A-Za-z0-9][^\n]*", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
    _name, _, _version = _line.split(" ")[0].partition("==")
    LOCKED.setdefault(canonicalize_name(_name), set()).add(_version)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


@pytest.mark.parametrize("line", sorted(set(DIRECT)))
def test_every_dependency_is_locked_within_its_bounds_and_has_a_lower_one(line: str) -> None:
    asked = Requirement(line)
    assert any(part.operator == ">=" for part in asked.specifier), line
    versions = LOCKED[canonicalize_name(asked.name)]
    assert versions and all(asked.specifier.contains(version) for version in versions)


def test_every_lower_bound_has_its_reason() -> None:
    table = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("[tool.")[0]
    asked = [line for line in table.splitlines() if ">=" in line]
    bare = [line for line in asked if "#" not in line]
    repeated = {re.search(r'"([\w-]+)', line)[1] for line in asked if "#" in line}  # type: ignore[index]
    assert [line for line in bare if re.search(r'"([\w-]+)', line)[1] not in repeated] == []  # type: ignore[index]


def test_the_lock_and_the_constraints_name_the_same_versions() -> None:
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pinned = {canonicalize_name(name): version for name, _, version in (x.partition("==") for x in lines if x)}
    assert {n: v for n, v in pinned.items() if n in LOCKED and LOCKED[n] != {v}} == {}


def test_every_locked_version_has_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n\n")[2] or text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.splitlines()[0])
    assert "://" not in text and "--index" not in text and "--find-links" not in text

"""What the data of a sweep's runs are called: data that are not the same do not share a name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from skelmap.reading import read_bytes


@dataclass(frozen=True)
class Data:
    """What a run was trained and judged on.

    Attributes:
        manifest: its path, as far as the run tells it.
        digest: of data.json, which has those of the manifest and of what it names; empty for runs of earlier versions.
        simulated: the recordings come from a simulation.
    """

    manifest: Path
    digest: str
    simulated: bool

    @classmethod
    def read(cls, run: Path, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> "Data":
        """Take from a run's folder, configuration (by dotted key) and metrics what they tell of its data.

        Raises:
            UserError: data.json is there and cannot be read.
        """
        path = str(config.get("data.manifest") or f"{config.get('data.manifest.folder', '')}/manifest.csv")
        named = str(metrics.get("data", path))  # the file and its folder alone
        note = run / "data.json"
        digest = xxhash.xxh3_64_hexdigest(read_bytes(note)) if note.exists() else ""
        simulated = bool(metrics.get("simulated", False))
        return cls(Path(path if path.endswith(f"/{named}") else named), digest, simulated)

    def name(self, folders: int = 1, more: str = "") -> str:
        """Name the data by the nearest folders, and by the manifest if that is not manifest.csv; says if simulated."""
        own = () if self.manifest.name == "manifest.csv" else (self.manifest.stem,)
        words = "/".join((*self.manifest.parent.parts[-folders:], *own))
        return words + more + " (simulated)" * self.simulated


def names(data: Iterable[Data]) -> dict[Data, str]:
    """Name data without the folders that differ from machine to machine.

    Where data of different content would have the same name, as many folders are named as tell them apart; where none
    do, the digest is. Data without a digest keep the short name.
    """
    called = {one: one.name() for one in data}
    contents: dict[str, dict[str, Data]] = {}
    for one, name in called.items():
        if one.digest:
            contents.setdefault(name, {}).setdefault(one.digest, one)
    for name, different in contents.items():
        if len(different) > 1:
            longer = _told_apart(different)
            called |= {one: longer[one.digest] for one in called if one.digest and one.name() == name}
    return called


def _told_apart(different: Mapping[str, Data]) -> dict[str, str]:
    """Name data of different content, by digest."""
    for folders in range(2, 1 + max(len(one.manifest.parent.parts) for one in different.values())):
        longer = {digest: one.name(folders) for digest, one in different.items()}
        if len(set(longer.values())) == len(longer):
            return longer
    return {digest: one.name(more=f" {digest[:8]}") for digest, one in different.items()}

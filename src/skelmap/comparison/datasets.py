"""Identify and name the data sets of runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from skelmap.training.run_dir import DIGESTS
from skelmap.utils.io import read_bytes


@dataclass(frozen=True)
class Dataset:
    """The data set that a run was trained and evaluated on.

    Attributes:
        manifest: path of the manifest, as far as the run's files tell it.
        digest: checksum of data_digests.json, which holds those of the manifest and its recordings; empty without it.
        simulated: whether the recordings are simulated.
    """

    manifest: Path
    digest: str
    simulated: bool

    @classmethod
    def of_run(cls, run: Path, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> "Dataset":
        """Read the data set of a run.

        Args:
            run: the run's folder.
            config: resolved configuration by dotted key.
            metrics: content of metrics.json.

        Raises:
            UserError: data_digests.json exists and cannot be read.
        """
        path = str(config.get("data.manifest") or f"{config.get('data.manifest.folder', '')}/manifest.csv")
        named = str(metrics.get("data", path))  # the manifest's name and its folder's
        digests = run / DIGESTS
        digest = xxhash.xxh3_64_hexdigest(read_bytes(digests)) if digests.exists() else ""
        simulated = bool(metrics.get("simulated", False))
        return cls(Path(path if path.endswith(f"/{named}") else named), digest, simulated)

    def name(self, folders: int = 1, suffix: str = "") -> str:
        """Name the data set for readers.

        Args:
            folders: number of parent folders in the name; the manifest's own name follows unless it is manifest.csv.
            suffix: appended, before "(simulated)".
        """
        own = () if self.manifest.name == "manifest.csv" else (self.manifest.stem,)
        parts = "/".join((*self.manifest.parent.parts[-folders:], *own))
        return parts + suffix + " (simulated)" * self.simulated


def dataset_names(datasets: Iterable[Dataset]) -> dict[Dataset, str]:
    """Name data sets by as few parent folders as possible, since the others differ between machines.

    If data sets of different content would get the same name, more folders are added until the names differ, or the
    digest if they never do. Data sets without a digest keep the short name.
    """
    names = {dataset: dataset.name() for dataset in datasets}
    by_name: dict[str, dict[str, Dataset]] = {}
    for dataset, name in names.items():
        if dataset.digest:
            by_name.setdefault(name, {}).setdefault(dataset.digest, dataset)
    for name, different in by_name.items():
        if len(different) > 1:
            longer = _distinct_names(different)
            names |= {d: longer[d.digest] for d in names if d.digest and d.name() == name}
    return names


def _distinct_names(different: Mapping[str, Dataset]) -> dict[str, str]:
    """Name data sets of different content, by digest."""
    for folders in range(2, 1 + max(len(dataset.manifest.parent.parts) for dataset in different.values())):
        longer = {digest: dataset.name(folders) for digest, dataset in different.items()}
        if len(set(longer.values())) == len(longer):
            return longer
    return {digest: dataset.name(suffix=f" {digest[:8]}") for digest, dataset in different.items()}

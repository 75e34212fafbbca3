"""Write manifests to choose by: the training and validation people of one-class tasks, in folds; no test recording.

`python scripts/fold_manifests.py manifest_boxing.csv manifest_drums.csv ... --out FOLDER` deals the people into three
folds and writes FOLDER/fold0/manifest_boxing.csv and so on. In each fold one part of the people is judged: their
recordings of that task are normal, those of the other tasks abnormal. Of the others' normal recordings a fifth of the
people is for validation. Paths that do not lie below the new manifest become absolute.
"""

import argparse
import random
import sys
from dataclasses import replace
from pathlib import Path

from skelmap.skeletons.manifest import Manifest, Recording, read_manifest, write_manifest
from skelmap.utils.errors import UserError

VAL_SHARE = 5
"""One of this many people who are not judged is for validation."""


def main() -> None:
    """Parse the command line and write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, help="one for each task, of the same people")
    parser.add_argument("--out", type=Path, required=True, help="folder for the folds")
    parser.add_argument("--folds", type=int, default=3, help="parts of the people (3)")
    parser.add_argument("--seed", type=int, default=0, help="of the dealing (0)")
    a = parser.parse_args()
    try:
        tasks = [read_manifest(path) for path in a.manifests]
        people = _people(tasks)
        if not 2 <= a.folds <= len(people) // 2:
            raise UserError(f"--folds {a.folds}; allowed with {len(people)} people: 2 to {len(people) // 2}")
        if len(tasks) < 2:
            raise UserError("one manifest has no abnormal recordings but those to judge by; name those of other tasks")
        random.Random(a.seed).shuffle(people)
        for fold in range(a.folds):
            judged = set(people[fold :: a.folds])
            for task in tasks:
                write_manifest(a.out / f"fold{fold}" / task.path.name, _fold(task, tasks, judged))
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{a.out}: {a.folds} folds of {len(people)} people, {len(tasks)} tasks")


def _known(task: Manifest) -> list[Recording]:
    """The recordings that may be looked at: not those of the test split."""
    return [r for r in task.recordings if r.split != "test"]


def _people(tasks: list[Manifest]) -> list[str]:
    """The groups of all training and validation recordings, sorted.

    Raises:
        UserError: a group is in the test split of another manifest.
    """
    people = {r.group: task for task in tasks for r in _known(task)}
    for task in tasks:
        for r in task.split("test"):
            if r.group in people:
                raise UserError(f"{task.path}: group {r.group} is judged there and trains in {people[r.group].path}")
    return sorted(people)


def _fold(task: Manifest, tasks: list[Manifest], judged: set[str]) -> list[Recording]:
    """The recordings of one task in one fold."""
    others = sorted({r.group for r in _known(task)} - judged)
    val = set(others[::VAL_SHARE]) if len(others) > 1 else set()
    split = {group: "val" if group in val else "train" for group in others} | dict.fromkeys(judged, "test")
    own = {r.path for r in _known(task)}
    elsewhere = [r for other in tasks for r in _known(other) if r.group in judged and r.path not in own]
    normal = [replace(r, split=split[r.group]) for r in _known(task)]
    return normal + [replace(r, split="test", abnormal=None) for r in elsewhere]


if __name__ == "__main__":
    main()

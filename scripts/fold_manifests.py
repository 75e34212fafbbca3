"""Write cross-validation folds over people, for model selection on one-class tasks without their test recordings.

`python scripts/fold_manifests.py manifest_boxing.csv manifest_drums.csv ... --out FOLDER` assigns the training and
validation people to three folds and writes FOLDER/fold0/manifest_boxing.csv and so on. The people of a fold are its
test split: their recordings of that task are normal, those of the other tasks abnormal. Of the remaining people a fifth
is for validation. Paths outside the folder of the new manifest become absolute.
"""

import argparse
import random
import sys
from dataclasses import replace
from pathlib import Path

from skelmap.skeletons.manifest import Manifest, Recording, read_manifest, write_manifest
from skelmap.utils.errors import UserError

VAL_SHARE = 5
"""One of this many people outside the fold is for validation."""


def main() -> None:
    """Parse the command line and write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, help="manifest of each task, all of the same people")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--folds", type=int, default=3, help="number of folds (3)")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the assignment to folds (0)")
    a = parser.parse_args()
    try:
        tasks = [read_manifest(path) for path in a.manifests]
        people = _development_people(tasks)
        if not 2 <= a.folds <= len(people) // 2:
            raise UserError(f"--folds {a.folds}; allowed with {len(people)} people: 2 to {len(people) // 2}")
        if len(tasks) < 2:
            raise UserError("one manifest alone has no abnormal recordings for the folds; add those of other tasks")
        random.Random(a.seed).shuffle(people)
        for fold in range(a.folds):
            test_people = set(people[fold :: a.folds])
            for task in tasks:
                write_manifest(a.out / f"fold{fold}" / task.path.name, _fold_recordings(task, tasks, test_people))
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{a.out}: {a.folds} folds of {len(people)} people, {len(tasks)} tasks")


def _development_recordings(task: Manifest) -> list[Recording]:
    """Recordings of the training and the validation split."""
    return [r for r in task.recordings if r.split != "test"]


def _development_people(tasks: list[Manifest]) -> list[str]:
    """Groups of all training and validation recordings, sorted.

    Raises:
        UserError: one of them is in the test split of another manifest.
    """
    people = {r.group: task for task in tasks for r in _development_recordings(task)}
    for task in tasks:
        for r in task.split("test"):
            if r.group in people:
                raise UserError(f"{task.path}: test group {r.group} is a training group of {people[r.group].path}")
    return sorted(people)


def _fold_recordings(task: Manifest, tasks: list[Manifest], test_people: set[str]) -> list[Recording]:
    """Recordings of one task in one fold."""
    own = _development_recordings(task)
    others = sorted({r.group for r in own} - test_people)
    val = set(others[::VAL_SHARE]) if len(others) > 1 else set()
    split = {group: "val" if group in val else "train" for group in others} | dict.fromkeys(test_people, "test")
    own_paths = {r.path for r in own}
    elsewhere = [
        r
        for other in tasks
        for r in _development_recordings(other)
        if r.group in test_people and r.path not in own_paths
    ]
    normal = [replace(r, split=split[r.group]) for r in own]
    return normal + [replace(r, split="test", abnormal=None) for r in elsewhere]


if __name__ == "__main__":
    main()

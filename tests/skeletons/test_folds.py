"""Groups of a manifest dealt into folds."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.skeletons.folds import UNUSED, deal_fold
from skelmap.skeletons.manifest import EXAMPLE, Recording, read_manifest
from skelmap.utils.errors import UserError
from synthetic_data import write_manifest


def recording(number: int, group: str, abnormal: bool = False, action: str = "") -> Recording:
    actions = ((action, (0, 10)),) if action else ()
    return Recording(f"c{number}", Path(f"{number}.npz"), "test", group, None if abnormal else (), actions)


def people(count: int) -> list[Recording]:
    """Each person with two normal and one abnormal recording."""
    return [recording(3 * i + k, f"p{i}", abnormal=k == 2) for i in range(count) for k in range(3)]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(3, 12), folds=st.integers(2, 5), seed=st.integers(0, 5))
def test_every_group_is_tested_once_and_never_trained_on_in_that_fold(count: int, folds: int, seed: int) -> None:
    folds = min(folds, count)
    tested: list[str] = []
    examples = [recording(100 + i, f"p{i}", abnormal=i % 2 == 0) for i in range(count)]
    for fold in range(folds):
        every = deal_fold(people(count), folds, fold, seed, examples)
        dealt, labelled = every[:-count], every[-count:]
        groups = {split: {r.group for r in dealt if r.split == split} for split in ("train", "val", "test")}
        assert not groups["test"] & (groups["train"] | groups["val"]) and not groups["train"] & groups["val"]
        assert groups["train"] and all(r.abnormal == () for r in dealt if r.split in ("train", "val"))
        assert all(r.split == UNUSED for r in dealt if r.abnormal is None and r.group not in groups["test"])
        assert [r.clip for r in every] == [r.clip for r in (*people(count), *examples)]
        assert all(r.split == ("test" if r.group in groups["test"] else EXAMPLE) for r in labelled)
        tested += groups["test"]
    assert sorted(tested) == sorted({r.group for r in people(count)})


def test_folds_hold_the_same_shares_of_labels_and_actions() -> None:
    listed = [recording(i, f"p{i}", i % 2 == 0, "carry" if i % 4 < 2 else "cut") for i in range(24)]
    for fold in range(3):
        test = [r for r in deal_fold(listed, 3, fold, 1) if r.split == "test"]
        counts = [
            sum(bool(r.abnormal is None) == a and r.actions[0][0] == n for r in test)
            for a in (0, 1)
            for n in ("carry", "cut")
        ]
        assert counts == [2, 2, 2, 2]


def test_the_dealing_is_seeded() -> None:
    dealt = [deal_fold(people(9), 3, 0, seed) for seed in (0, 0, 1)]
    assert dealt[0] == dealt[1] != dealt[2]


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [(4, 0, "data.folds=4; allowed with 3 groups: 2 to 3"), (3, 3, "data.fold=3; allowed with data.folds=3: 0 to 2")],
)
def test_impossible_folds_are_refused(folds: int, fold: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        deal_fold(people(3), folds, fold, 0)


def test_without_normal_recordings_there_is_nothing_to_train_on() -> None:
    with pytest.raises(UserError, match="no normal recording outside the fold"):
        deal_fold([recording(i, f"p{i}", abnormal=True) for i in range(4)], 2, 0, 0)


def test_groups_may_be_another_column_and_splits_need_not_be_valid_when_dealt(tmp_path: Path) -> None:
    lines = [[f"c{i}", f"{i}.npz", "train", "one person", "all" * (i == 3)] for i in range(4)]
    for i in range(4):
        (tmp_path / f"{i}.npz").touch()
    path = write_manifest(tmp_path, lines)
    with pytest.raises(UserError, match=r"data\.fold_by=lens: no such column; it has clip, path"):
        read_manifest(path, "lens", is_dealt=True)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{header},camera", *(f"{row},cam{i % 2}" for i, row in enumerate(rows))]) + "\n")
    with pytest.raises(UserError, match="unknown column 'camera'"):
        read_manifest(path)
    with pytest.raises(UserError, match="clip c3 of split train has abnormal frames"):
        read_manifest(path, "camera")
    read = read_manifest(path, "camera", is_dealt=True)
    assert [r.group for r in read.recordings] == ["cam0", "cam1", "cam0", "cam1"]

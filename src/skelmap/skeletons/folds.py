"""Cross-validation: deal the groups of a manifest into folds."""

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skelmap.skeletons.manifest import EXAMPLE, Recording
from skelmap.utils.errors import UserError

VAL_SHARE = 5
"""One of this many groups outside the fold is for validation."""
UNUSED = "unused"
"""Split of recordings with abnormal frames of groups outside the fold."""
log = logging.getLogger(__name__)


def deal_fold(
    recordings: Sequence[Recording], folds: int, fold: int, seed: int, examples: Sequence[Recording] = ()
) -> tuple[Recording, ...]:
    """Give the recordings their splits in one fold of a cross-validation; the splits of the manifest do not matter.

    The groups are dealt at random into folds with about the same share of every combination of label and actions
    (`sklearn.model_selection.StratifiedGroupKFold`). The groups of the fold are the test split. A fifth of the others
    is for validation, the rest for training; of both, recordings with abnormal frames are not used. Labelled examples
    of the groups of the fold are tested, too.

    Args:
        recordings: of the manifest.
        folds: number of folds, 2 to the number of groups.
        fold: number of this one, from 0.
        seed: of the dealing; the same for all folds.
        examples: labelled recordings (`skelmap.skeletons.examples`), dealt together with the others.

    Returns:
        The recordings in the same order, with split train, val, test or "unused"; after them the examples, with split
        test or `EXAMPLE`.

    Raises:
        UserError: more folds than groups, no such fold, or no normal recording is left for training.
    """
    every = (*recordings, *examples)
    groups = {recording.group for recording in every}
    if not 2 <= folds <= len(groups):
        raise UserError(f"data.folds={folds}; allowed with {len(groups)} groups: 2 to {len(groups)}")
    if not 0 <= fold < folds:
        raise UserError(f"data.fold={fold}; allowed with data.folds={folds}: 0 to {folds - 1}")
    test = _deal(every, folds, seed)[fold]
    others = [r for r in recordings if r.group not in test and r.abnormal == ()]
    parts = min(VAL_SHARE, len({r.group for r in others}))
    val = _deal(others, parts, seed)[0] if parts > 1 else set()
    dealt = tuple(replace(r, split=_split(r, test, val)) for r in recordings)
    if not any(r.split == "train" for r in dealt):
        raise UserError(f"data.fold={fold}: no normal recording outside the fold is left for training")
    if unused := sum(r.split == UNUSED for r in dealt):
        log.info("fold %d of %d: %d recordings with abnormal frames outside the fold are not used", fold, folds, unused)
    return (*dealt, *(replace(r, split="test" if r.group in test else EXAMPLE) for r in examples))


def _split(recording: Recording, test: set[str], val: set[str]) -> str:
    if recording.group in test:
        return "test"
    if recording.abnormal != ():
        return UNUSED
    return "val" if recording.group in val else "train"


def _deal(recordings: Sequence[Recording], folds: int, seed: int) -> list[set[str]]:
    """Deal the groups of recordings into folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    stratum = [f"{r.abnormal != ()} {sorted({name for name, _ in r.actions})}" for r in recordings]
    if max(Counter(stratum).values()) < folds:  # too many strata to divide any of them
        stratum = [""] * len(recordings)
    group = np.array([r.group for r in recordings])
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stratum with fewer recordings than folds is dealt as far as it goes
        dealt = [set(group[rows].tolist()) for _, rows in dealer.split(group, stratum, group)]
    return dealt

"""Labelled examples: recordings of abnormal actions and of confirmed normal work, beside those of a data set."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.manifest import EXAMPLE, Manifest, Recording
from skelmap.utils.errors import UserError

NORMAL = -1
"""Example number of frames that are not abnormal."""


def add_examples(manifest: Manifest, examples: Manifest) -> Manifest:
    """Append recordings with labels to a data set, as its split `EXAMPLE`.

    Args:
        manifest: of the data set.
        examples: its splits have no meaning (`read_manifest`, `is_dealt`).

    Returns:
        The recordings of both, with the path and digest of `manifest`.

    Raises:
        UserError: an example is also a validation or test recording, whose scores would mean nothing.
    """
    held_out = {r.path.resolve(): r for r in manifest.recordings if r.split in ("val", "test")}
    for example in examples.recordings:
        other = held_out.get(example.path.resolve())
        if other is not None:
            raise UserError(
                f"{examples.path}: clip {example.clip}: {example.path} is also clip {other.clip} of split "
                f"{other.split} in {manifest.path}; allowed are recordings that are not evaluated"
            )
    labelled = tuple(replace(r, split=EXAMPLE) for r in examples.recordings)
    return replace(manifest, recordings=(*manifest.recordings, *labelled))


def judged_people(manifest: Manifest) -> list[str]:
    """Groups of the test split that are also among the labelled examples."""
    groups = {split: {r.group for r in manifest.split(split)} for split in ("test", EXAMPLE)}
    return sorted(groups["test"] & groups[EXAMPLE])


def number_examples(
    recordings: Sequence[Recording], clip: NDArray[np.int32], frame: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Number the abnormal examples: a wholly abnormal recording is one, and so is each abnormal span of another.

    Args:
        recordings: of the data set; only those of split `EXAMPLE` count.
        clip: (N,) index of the recording of each row.
        frame: (N,) frame of each row, counted as the recordings' spans.

    Returns:
        (N,) int64 number of the example that a row belongs to, from 0; `NORMAL` for all others.
    """
    number, count = np.full(len(clip), NORMAL, np.int64), 0
    for index, recording in enumerate(recordings):
        if recording.split != EXAMPLE:
            continue
        rows = np.flatnonzero(clip == index)
        spans = [(0, np.iinfo(np.int64).max)] if recording.abnormal is None else recording.abnormal
        for first, stop in spans:
            number[rows[(frame[rows] >= first) & (frame[rows] < stop)]] = count
            count += 1
    return number

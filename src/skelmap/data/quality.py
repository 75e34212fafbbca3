"""Warnings about a data set: findings of the checks, detections left out, empty or cropped maps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skelmap.data.cache import SkeletonCache
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.data.windows import find_segments
from skelmap.skeletons.checks import merge
from skelmap.skeletons.data_set_checks import check_data_set
from skelmap.skeletons.label_checks import check_labels
from skelmap.skeletons.manifest import SPLITS, Recording
from skelmap.utils.names import list_names

MAX_CROPPED = 0.2
"""Share of the detected joints outside the crop above which a warning is given; of real people at 640x480 it is 6 to
8 %."""
MAX_EMPTY = 0.5
"""Share of empty maps in a split above which a warning is given."""
MAX_INTERPOLATED = 2.0
"""Factor between the clock and the rate of the recordings above which a warning is given."""


def quality_warnings(data: SkeletonDataModule) -> list[str]:
    """Sentences for the log, the report and metrics.json."""
    cache, recordings = data.cache, data.manifest.recordings
    findings = [
        *cache.findings,
        *check_data_set(recordings, cache.summaries, cache.overlaps),
        *check_labels(recordings, cache.source_spans, cache.source_fps),
    ]
    return [
        *merge(findings),
        *left_out_warnings(cache.left_out, recordings),
        *_empty_maps(cache, recordings),
        *_cropped(cache),
        *_short(cache, recordings, data.seq_len),
        *_interpolated(data),
    ]


def scale_warnings(data: SkeletonDataModule) -> list[str]:
    """Warnings that people of another split are larger or smaller than those of training."""
    trained, found = data.sizes("train"), []
    for split in SPLITS[1:]:
        sizes = data.sizes(split)
        if trained and sizes and not trained.includes(sizes.usual):
            ratio = sizes.usual / trained.usual
            found.append(
                f"people of split {split} are {ratio:.2g} times as large as in training, so their scores are "
                "unreliable: another camera, image size or distance?"
            )
    return found


def left_out_warnings(left_out: Sequence[int], recordings: Sequence[Recording]) -> list[str]:
    """Count the detections that are too incomplete or too small to be people.

    Args:
        left_out: detections of each recording that were left out.
        recordings: of the data set.
    """
    count = np.array(left_out)
    if not count.any():
        return []
    return [
        f"{_most(count, recordings)}: {count.sum()} detections were left out, with fewer joints than "
        "data.min_joints or smaller than data.min_size"
    ]


def _short(cache: SkeletonCache, recordings: Sequence[Recording], seq_len: int) -> list[str]:
    """Find recordings with people, but without a window."""
    longest = np.zeros(len(recordings), np.int64)
    segments = find_segments(cache.clip, cache.track, cache.frame)
    np.maximum.at(longest, cache.clip[segments.first], segments.length)
    found = []
    for split in SPLITS:
        here = np.array([recording.split == split for recording in recordings])
        short = here & (longest > 0) & (longest < seq_len)
        if short.any():
            found.append(
                f"{_most(short.astype(np.int64), recordings)}: {short.sum()} of {here.sum()} recordings of split "
                f"{split} are not used, since nobody in them is seen for data.seq_len={seq_len} frames"
            )
    return found


def _interpolated(data: SkeletonDataModule) -> list[str]:
    """Find a clock far above the rate of the recordings."""
    if data.fps <= MAX_INTERPOLATED * data.recording_fps:
        return []
    return [
        f"data.fps={data.fps:g}: the training recordings have {data.recording_fps:.4g} frames per second, so most of "
        "the model's frames are interpolated"
    ]


def _empty_maps(cache: SkeletonCache, recordings: Sequence[Recording]) -> list[str]:
    """Find splits of which most maps are empty."""
    empty, rows = np.array(cache.empty), np.bincount(cache.clip, minlength=len(recordings))
    found = []
    for split in SPLITS:
        here = np.array([recording.split == split for recording in recordings])
        if empty[here].sum() > MAX_EMPTY * rows[here].sum():
            share = empty[here].sum() / rows[here].sum()
            found.append(
                f"{_most(empty * here, recordings)}: {share:.0%} of the maps of split {split} are empty, so their "
                "scores say nothing; look at the clips with skelmap check"
            )
    return found


def _most(count: NDArray[np.int64], recordings: Sequence[Recording]) -> str:
    """Names of the clips with the largest counts."""
    order = np.argsort(-count, kind="stable")
    return list_names([recordings[i].clip for i in order if count[i]])


def _cropped(cache: SkeletonCache) -> list[str]:
    """Find crops that leave out much of the people."""
    if not isinstance(cache.settings, MapSettings) or cache.cropped <= MAX_CROPPED:
        return []
    return [
        f"{cache.cropped:.0%} of the detected joints lie outside the maps, a square of "
        f"data.maps.crop_size={cache.settings.crop_size} px around the neck; where people are larger than in "
        "images of 640x480, enlarge it, and data.maps.line_width by the same factor"
    ]

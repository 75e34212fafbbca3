"""Warnings about a data set: findings of the checks, detections left out, empty or cropped maps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skelmap.data.cache import SkeletonCache
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.checks import check_data_set, merge
from skelmap.skeletons.manifest import SPLITS, Recording
from skelmap.utils.names import list_names

MAX_CROPPED = 0.2
"""Share of the detected joints outside the crop above which a warning is given; of real people at 640x480 it is 6 to
8 %."""
MAX_EMPTY = 0.5
"""Share of empty maps in a split above which a warning is given."""


def quality_warnings(cache: SkeletonCache, recordings: Sequence[Recording]) -> list[str]:
    """Sentences for the log, the report and metrics.json.

    Args:
        cache: of the data set.
        recordings: that it was built from.
    """
    findings = [*cache.findings, *check_data_set(recordings, cache.summaries, cache.overlaps)]
    return [*merge(findings), *_left_out(cache, recordings), *_empty_maps(cache, recordings), *_cropped(cache)]


def _left_out(cache: SkeletonCache, recordings: Sequence[Recording]) -> list[str]:
    """Count the detections that are too incomplete or too small to be people."""
    count = np.array(cache.left_out)
    if not count.any():
        return []
    return [
        f"{_most(count, recordings)}: {count.sum()} detections were left out, with fewer joints than "
        "data.min_joints or smaller than data.min_size"
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

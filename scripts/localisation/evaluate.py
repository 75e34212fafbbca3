"""Localisation errors for every method and map setting, with intervals over clips."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localisation.methods import METHODS
from localisation.poses import Poses, read_poses
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.bootstrap import interval, unit_weights
from skelmap.evaluation.metrics import Floats
from skelmap.skeletons.manifest import Manifest
from skelmap.skeletons.readers import PoseFormat
from skelmap.utils.errors import UserError

ALL_JOINTS = "all"
"""Value of the column `joint` for all joints together."""
PAPER = MapSettings()
"""In the paper's map, lines in map px are as wide as lines in source px."""
QUANTILES = 512
"""Number of error quantiles between which a resampled median is rounded: 0.2 % of the errors lie between two."""
Row = dict[str, Any]
"""A line of the results table."""


def map_settings(
    sizes: Sequence[int], resamples: Sequence[str], line_units: Sequence[str], crop_sizes: Sequence[int]
) -> list[MapSettings]:
    """List every combination of map settings, sizes varying fastest.

    Args:
        sizes: sides of the maps, px.
        resamples: bilinear, area.
        line_units: source (lines of 8 source px) or map (lines of 8 * 28 / 480 = 0.467 map px).
        crop_sizes: sides of the cut-out, source px.

    Raises:
        UserError: a value is not allowed.
    """
    map_width = PAPER.line_width * PAPER.img_size / PAPER.crop_size
    return [
        MapSettings(size, crop, resample, map_width if unit == "map" else PAPER.line_width, unit)  # type: ignore[arg-type]
        for crop, resample, unit, size in product(crop_sizes, resamples, line_units, sizes)
    ]


def evaluate_localisation(
    manifest: Manifest,
    settings: Sequence[MapSettings],
    max_poses: int | None = None,
    seed: int = 0,
    pose_format: PoseFormat | None = None,
) -> Iterator[list[Row]]:
    """Fit every method on the train split and measure its errors on the test split.

    Args:
        manifest: the data set.
        settings: map settings to compare.
        max_poses: largest number of poses of each split, evenly spread; None for all.
        seed: random seed of the network and the bootstrap.
        pose_format: layout, image size and fps of JSON recordings.

    Yields:
        For each map setting the rows of the table: one per method and joint, and one per method for all joints.

    Raises:
        UserError: a source is damaged, a split has no person, or the splits' layouts differ.
    """
    train, test = (read_poses(manifest, split, max_poses, pose_format) for split in ("train", "test"))
    if train.joints != test.joints:
        raise UserError(f"{manifest.path}: train and test have different layouts; one is allowed")
    data = {"data": manifest.name, "simulated": manifest.simulated}
    weights = unit_weights(len(test.clips), seed)  # the same resamples for all methods and maps
    for setting in settings:
        maps = train.draw(setting), test.draw(setting)
        drawing = {
            "img_size": setting.img_size,
            "resample": setting.resample,
            "line_unit": setting.line_unit,
            "line_width": round(setting.line_width, 4),
            "crop_size": setting.crop_size,
        }
        rows: list[Row] = []
        for name, method in METHODS.items():
            error = np.linalg.norm(method(train, *maps, seed) - test.position, axis=-1).astype(np.float64)
            rows += [
                {**data, **drawing, "method": name, **row, "train_frames": len(train), "seed": seed}
                for row in _summary_rows(error, test, setting, weights)
            ]
        yield rows


def _summary_rows(error: Floats, test: Poses, setting: MapSettings, weights: Floats) -> Iterator[Row]:
    """Summarise (N, J) errors, px, for all detected joints together and for each joint."""
    inside: NDArray[np.bool_] = np.all(np.abs(test.position) < setting.crop_size / 2, axis=-1)
    for joint, name in enumerate((ALL_JOINTS, *test.joints), start=-1):
        chosen = test.detected if name == ALL_JOINTS else test.detected & (np.arange(len(test.joints)) == joint)
        pose = chosen.nonzero()[0]
        numbers = summarise(error[chosen], test.clip[pose], weights)._asdict()
        yield {
            "joint": name,
            **{f"{key}_px": None if value is None else round(value, 3) for key, value in numbers.items()},
            "detected": int(chosen.sum()),
            "in_cut": round(float(inside[chosen].mean()), 4) if chosen.any() else None,
            "frames": len(test),
            "clips": weights.shape[1],
        }


class Summary(NamedTuple):
    """Median and mean error, px, each with its 95 % interval; None where undefined."""

    median: float | None
    median_low: float | None
    median_high: float | None
    mean: float | None
    mean_low: float | None
    mean_high: float | None


def summarise(error: Floats, clip: NDArray[np.int64], weights: Floats) -> Summary:
    """Summarise errors; intervals are percentiles of a bootstrap over clips.

    Args:
        error: (E,) px, of detected joints.
        clip: (E,) index of each error's clip, 0 .. C - 1.
        weights: (B, C) how often each resample draws each clip (`unit_weights`); intervals need 2 clips.
    """
    if not len(error):
        return Summary(*[None] * 6)
    median, mean = float(np.median(error)), float(error.mean())
    clips = weights.shape[1]
    if clips < 2:
        return Summary(median, None, None, mean, None, None)
    count = weights @ np.bincount(clip, minlength=clips)
    with np.errstate(invalid="ignore"):
        means = interval(weights @ np.bincount(clip, error, clips) / count)
    medians = interval(_resampled_medians(error, clip, weights, count))
    return Summary(median, medians.low, medians.high, mean, means.low, means.high)


def _resampled_medians(error: Floats, clip: NDArray[np.int64], weights: Floats, count: Floats) -> Floats:
    """Median of each resample, (B,), rounded up to one of the errors' quantiles."""
    levels = np.quantile(error, np.linspace(0, 1, QUANTILES))
    bins = np.searchsorted(levels, error)
    histogram = np.zeros((weights.shape[1], QUANTILES))
    np.add.at(histogram, (clip, np.minimum(bins, QUANTILES - 1)), 1)
    reached = weights @ histogram.cumsum(axis=1) >= count[:, None] / 2
    medians: Floats = np.where(count > 0, levels[reached.argmax(axis=1)], np.nan)
    return medians

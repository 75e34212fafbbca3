"""How well joints can be located from single maps, for many ways of drawing them."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localisation.methods import METHODS
from localisation.poses import Poses, read_poses
from localisation.summary import summarise
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.bootstrap import unit_weights
from skelmap.evaluation.metrics import Floats
from skelmap.skeletons.manifest import Manifest
from skelmap.skeletons.readers import PoseFormat
from skelmap.training.schema import RULES
from skelmap.utils.errors import UserError

ALL = "all"
"""Stands for all joints together in the column `joint`."""
SAME_AT = MapSettings()
"""Lines in map px are as wide as the paper's are in its own map, so that both units agree there."""
Row = dict[str, Any]


def map_styles(
    sizes: Sequence[int], resamples: Sequence[str], line_units: Sequence[str], crop_sizes: Sequence[int]
) -> list[MapSettings]:
    """List every combination of map settings, sizes running fastest.

    Args:
        sizes: of the maps, px.
        resamples: bilinear, area.
        line_units: source (lines of 8 source px) or map (of 8 * 28 / 480 = 0.467 map px).
        crop_sizes: of the cut, source px.

    Raises:
        UserError: a value that data.img_size, data.maps.resample and so on do not allow.
    """
    for key, values in (
        ("data.img_size", sizes),
        ("data.maps.resample", resamples),
        ("data.maps.line_unit", line_units),
        ("data.maps.crop_size", crop_sizes),
    ):
        allowed, holds = RULES[key]
        if wrong := [value for value in values if not holds(value)]:
            raise UserError(f"{key}={wrong[0]}; allowed: {allowed}")
    in_map = SAME_AT.line_width * SAME_AT.img_size / SAME_AT.crop_size
    width = {"source": SAME_AT.line_width, "map": in_map}
    return [
        MapSettings(size, crop, resample, width[unit], unit)
        for crop, resample, unit, size in product(crop_sizes, resamples, line_units, sizes)
    ]


def locate(
    manifest: Manifest,
    styles: Sequence[MapSettings],
    most: int | None = None,
    seed: int = 0,
    fmt: PoseFormat | None = None,
) -> Iterator[list[Row]]:
    """Learn from the maps of the train split where the joints are, and judge on the test split.

    Args:
        manifest: of the data set.
        styles: the ways of drawing.
        most: frames of each split at most, evenly spread; None for all.
        seed: of the network and the resamples.
        fmt: what JSON recordings do not say.

    Yields:
        For each style the rows of the table: one for each method and joint, and one for all joints together.

    Raises:
        UserError: a source is at fault, nobody is in a split, or the splits have different layouts.
    """
    known, asked = (read_poses(manifest, split, most, fmt) for split in ("train", "test"))
    if known.joints != asked.joints:
        raise UserError(f"{manifest.path}: train and test have different layouts; one is allowed")
    data = {"data": manifest.name, "simulated": manifest.simulated}
    weights = unit_weights(len(asked.parts), seed)  # the same resamples for all methods and maps
    for style in styles:
        drawn = known.draw(style), asked.draw(style)
        rows: list[Row] = []
        for name, method in METHODS.items():
            found = method(known, *drawn, seed)
            error = np.linalg.norm(found - asked.place, axis=-1).astype(np.float64)
            judged = _judge(error, asked, style, weights)
            rows += [
                {**data, **_drawing(style), "method": name, **row, "train_frames": len(known), "seed": seed}
                for row in judged
            ]
        yield rows


def _drawing(style: MapSettings) -> Row:
    return {
        "img_size": style.img_size,
        "resample": style.resample,
        "line_unit": style.line_unit,
        "line_width": round(style.line_width, 4),
        "crop_size": style.crop_size,
    }


def _judge(error: Floats, asked: Poses, style: MapSettings, weights: Floats) -> list[Row]:
    """Summarise (N, J) errors, px, for all detected joints and for each."""
    in_cut: NDArray[np.bool_] = np.all(np.abs(asked.place) < style.crop_size / 2, axis=-1)
    rows = []
    for joint, name in enumerate((ALL, *asked.joints), start=-1):
        chosen = asked.seen if name == ALL else asked.seen & (np.arange(len(asked.joints)) == joint)
        row = chosen.nonzero()[0]
        numbers = summarise(error[chosen], asked.clip[row], weights)._asdict()
        rows.append(
            {
                "joint": name,
                **{f"{key}_px": None if value is None else round(value, 3) for key, value in numbers.items()},
                "detected": int(chosen.sum()),
                "in_cut": round(float(in_cut[chosen].mean()), 4) if chosen.any() else None,
                "frames": len(asked),
                "clips": weights.shape[1],
            }
        )
    return rows

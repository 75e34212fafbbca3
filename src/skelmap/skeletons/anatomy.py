"""Check joint orders against the proportions of a human body.

In the right order the limbs of a person are short: their mean length is 0.55 to 1 times the root mean square distance
of the joints from their centre, here "the size of the person". The limits are set between clean recordings (OpenPose,
Kinect, LCR-Net and the simulation) and the same recordings with joints exchanged; docs/lab/data_checks.md has the
numbers.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import LAYOUTS, LIMB_JOINTS, Layout

SIDES = ("right", "left")
CHAINS = (("neck", "shoulder", "elbow", "wrist"), ("neck", "hip", "knee", "ankle"))
"""Joints of an arm, and of the trunk and a leg."""
LIMBS = tuple(pair for chain in CHAINS for pair in pairwise(chain))
MIN_JOINTS, MIN_LIMBS = 8, 8
"""Joints of a row, and limbs out of 12, from which on it is judged."""
MIN_ROWS = 30
"""Rows with the joints of a rule from which on it is applied."""
SHORTER = 0.75
"""Another order of joints is more likely if its limbs are shorter than this share of those of the declared order."""
LONGER = 1.6
"""... or, if the declared order contradicts anatomy and the other one does not, than this share."""
EXCHANGED = 0.1
"""Left and right of a joint are exchanged if that makes its limbs shorter by this many sizes of the person in a quarter
of the rows, and longer in hardly any."""
UNEQUAL = 4.0
"""Ratio of the lengths of both arms or both legs that is not human."""
OFF_CENTRE = 0.9
"""Distance of neck or mid-hip from the middle of shoulders or hips, in sizes of the person, that is not human."""

Places = Mapping[str, NDArray[np.float64]]
"""(N, 2) positions by joint, in sizes of the person; NaN where missing."""


def _order(names: str) -> tuple[str, ...]:
    """Joint names of another program; "-" for a joint that is not needed here; letters l and r for the sides."""
    full = {"l": "left_", "r": "right_"}
    return tuple(full[name[0]] + name[2:] if name[:2] in ("l_", "r_") else name for name in names.split())


OTHER_ORDERS: dict[str, tuple[str, ...]] = {
    "OpenPose BODY_25B": _order(
        "nose - - - - l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip r_hip l_knee r_knee l_ankle r_ankle "
        "neck - - - - - - -"
    ),
    "Kinect v2": _order(
        "mid_hip - - nose l_shoulder l_elbow l_wrist - r_shoulder r_elbow r_wrist - l_hip l_knee l_ankle - r_hip "
        "r_knee r_ankle - neck - - - -"
    ),
    "Human3.6M": _order(
        "mid_hip r_hip r_knee r_ankle l_hip l_knee l_ankle - neck - nose l_shoulder l_elbow l_wrist r_shoulder r_elbow "
        "r_wrist"
    ),
    "COCO with the neck last": _order(
        "nose - - - - l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip r_hip l_knee r_knee l_ankle r_ankle "
        "neck"
    ),
}
"""Joint orders of the same number of joints as a layout, for which they are mistaken."""


class Fault(NamedTuple):
    """What is not human about keypoints.

    Attributes:
        text: the joints that are wrong, and the order that fits, if one is known.
        is_exchange: whether left and right of a joint are exchanged; pose estimators do so for seconds.
    """

    text: str
    is_exchange: bool = False


def anatomy_faults(keypoints: NDArray[np.float32], layout: Layout) -> list[Fault]:
    """Describe what is not human about the keypoints in most frames.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: the declared joint order.

    Returns:
        The faults; none if the joints fit, or too few were detected.
    """
    detected = keypoints[..., 2:] > 0
    enough = detected.sum(axis=(1, 2)) >= MIN_JOINTS
    if enough.sum() < MIN_ROWS:
        return []
    points = np.where(detected, keypoints[..., :2], np.nan)[enough].astype(np.float64)
    points -= np.nanmean(points, axis=1, keepdims=True)
    size = np.sqrt(np.nanmean((points**2).sum(axis=2), axis=1))
    points /= np.where(size > 0, size, np.nan)[:, None, None]  # whatever the order of the joints
    faults = _faults(_places(points, layout.joints))
    length = _limb_length(_places(points, layout.joints))
    for name, joints in _same_length(layout):
        places = _places(points, joints)
        ratio = _limb_length(places) / length
        if ratio < SHORTER or (faults and ratio < LONGER and not _faults(places)):
            return [Fault(f"the joints are not in the order of {layout.name}; that of {name} fits")]
    return faults


def _faults(places: Places) -> list[Fault]:
    exchanges = [Fault(text, is_exchange=True) for text in _exchanged(places)]
    others = [Fault(text) for text in (*_off_centre(places), *_unequal(places), *_upside_down(places))]
    return [*exchanges, *others]


def _same_length(layout: Layout) -> list[tuple[str, tuple[str, ...]]]:
    """Other orders with as many joints."""
    orders = {**{name: other.joints for name, other in LAYOUTS.items()}, **OTHER_ORDERS}
    return [(k, joints) for k, joints in orders.items() if len(joints) == len(layout.joints) and k != layout.name]


def _places(points: NDArray[np.float64], joints: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Positions by joint; an order without a neck has the middle of the shoulders."""
    places = {joint: points[:, i] for i, joint in enumerate(joints)}
    if "neck" not in places:
        places["neck"] = (places["right_shoulder"] + places["left_shoulder"]) / 2
    return places


def _limb_length(places: Places) -> float:
    """Median length of all limbs, in sizes of the person; the mean limb stands in for limbs that were not detected."""
    limbs = np.stack([_distance(places, a, f"{side}_{b}", side) for a, b in LIMBS for side in SIDES])
    known = ~np.isnan(limbs)
    enough = known.sum(axis=0) >= MIN_LIMBS
    if enough.sum() < MIN_ROWS:
        return float("nan")
    return float(np.median(np.nanmean(limbs[:, enough], axis=0)))


def _distance(places: Places, a: str, b: str, side: str) -> NDArray[np.float64]:
    start = places["neck"] if a == "neck" else places[f"{side}_{a}"]
    distance: NDArray[np.float64] = np.linalg.norm(start - places[b], axis=1)
    return distance


def _median(values: NDArray[np.float64]) -> float:
    """Median of the known values; NaN of too few."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) >= MIN_ROWS else float("nan")


def _off_centre(places: Places) -> list[str]:
    """Neck and mid-hip lie between the shoulders and the hips."""
    faults = []
    for joint, pair in (("neck", "shoulder"), ("mid_hip", "hip")):
        if joint in places:
            middle = (places[f"right_{pair}"] + places[f"left_{pair}"]) / 2
            if _median(np.linalg.norm(places[joint] - middle, axis=1)) > OFF_CENTRE:
                faults.append(f"{joint} is not between right_{pair} and left_{pair}")
    return faults


def _exchanged(places: Places) -> list[str]:
    """Left and right of a joint are those of the joints beside it."""
    joints = [joint for joint in LIMB_JOINTS if joint not in ("shoulder", "hip")]
    faults = [f"left and right {joint} are exchanged" for joint in joints if _gain_of_exchange(places, joint)]
    for one, other in (("shoulder", "hip"), ("eye", "shoulder")):
        if f"left_{one}" in places:
            a, b = (places[f"right_{name}"][:, 0] - places[f"left_{name}"][:, 0] for name in (one, other))
            clear = (np.abs(a) > 0.05) & (np.abs(b) > 0.15)  # not seen from the side
            if clear.sum() >= MIN_ROWS and (a * b > 0)[clear].mean() < 0.5:
                faults.append(f"left and right {one} contradict left and right {other}")
    return faults


def _gain_of_exchange(places: Places, joint: str) -> bool:
    """Whether the limbs at a joint are shorter with its left and right exchanged."""
    swapped = {**places, f"left_{joint}": places[f"right_{joint}"], f"right_{joint}": places[f"left_{joint}"]}

    gain = _length_at(joint, places) - _length_at(joint, swapped)
    gain = gain[~np.isnan(gain)]
    if len(gain) < MIN_ROWS:
        return False
    shorter, longer = float((gain > EXCHANGED).mean()), float((gain < -EXCHANGED).mean())
    return shorter > 0.25 and shorter > 10 * longer


def _length_at(joint: str, places: Places) -> NDArray[np.float64]:
    """(N,) summed length of the limbs on both sides of a joint, left and right."""
    limbs = [limb for limb in LIMBS if joint in limb]
    lengths = [np.linalg.norm(places[f"{s}_{a}"] - places[f"{s}_{b}"], axis=1) for a, b in limbs for s in SIDES]
    total: NDArray[np.float64] = np.sum(lengths, axis=0)
    return total


def _unequal(places: Places) -> list[str]:
    """Left and right arm, and left and right leg, have similar lengths."""
    faults = []
    for name, chain in (("arm", CHAINS[0][1:]), ("leg", CHAINS[1][1:])):
        right, left = (np.sum([_distance(places, a, f"{s}_{b}", s) for a, b in pairwise(chain)], axis=0) for s in SIDES)
        longer, short, long = ("right", left, right) if _median(right) > _median(left) else ("left", right, left)
        if (~np.isnan(short + long)).mean() > 0.5 and _median(long) > UNEQUAL * _median(short):
            faults.append(f"the {longer} {name} is more than {UNEQUAL:g} times as long as the other one")
    return faults


def _upside_down(places: Places) -> list[str]:
    """Shoulders are above the ankles, or else above the hips, in most frames."""
    for joint in ("ankle", "hip"):
        pairs = ((places[f"{side}_{joint}"] - places[f"{side}_shoulder"])[:, 1] for side in SIDES)
        below = np.concatenate(list(pairs))
        if (known := below[~np.isnan(below)]).size >= MIN_ROWS:
            share = float((known < 0).mean())
            return [f"{joint}s are above shoulders in {share:.0%} of the frames"] if share > 0.5 else []
    return []


def upright_share(keypoints: NDArray[np.float32], layout: Layout) -> float:
    """Share of the detections whose trunk is nearer to the vertical than to the horizontal; NaN without trunks.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: joint order.
    """
    corners = [layout.joints.index(f"{side}_{joint}") for joint in ("shoulder", "hip") for side in SIDES]
    trunk = keypoints[(keypoints[:, corners, 2] > 0).all(axis=1)][:, corners, :2]
    across, along = np.abs(trunk[:, :2].sum(axis=1) - trunk[:, 2:].sum(axis=1)).T
    return float((along > across).mean()) if len(trunk) else float("nan")

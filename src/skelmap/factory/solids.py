"""Boxes that hide things: furniture where it stands, carried things where the hands are."""

import numpy as np

from skelmap.factory.curves import Floats
from skelmap.factory.occlusion import Solid
from skelmap.factory.steps import FPS
from skelmap.factory.workshop import BENCH, CHAIR_SEAT, TRASH_BOX, Thing, Workshop

PLATE = 0.04
"""Thickness of a chair's seat and back, m."""
WRISTS = (4, 7)


def solids_of(shop: Workshop, joints: Floats, facing: Floats) -> tuple[Solid, ...]:
    """Place everything that can hide a joint, frame by frame.

    Args:
        shop: furniture and things with their history.
        joints: (N, 25, 3) BODY_25 joints, m: carried things are where the hands are.
        facing: (N,) heading of the worker, rad.

    Returns:
        Boxes over the N frames.
    """
    still = np.zeros(len(joints))
    solids = [
        Solid(np.tile((*middle, size[2] / 2), (len(joints), 1)), still, size)
        for middle, size in ((shop.bench, BENCH), (shop.trash_box, TRASH_BOX))
    ]
    for thing in shop.things.values():
        bottom, yaw = _history(thing, joints, facing)
        solids += _parts(thing, bottom, yaw)
    return tuple(solids)


def _history(thing: Thing, joints: Floats, facing: Floats) -> tuple[Floats, Floats]:
    """Middle of the thing's bottom (N, 3) and its yaw (N,)."""
    bottom, yaw = np.zeros((len(joints), 3)), np.zeros(len(joints))
    for stay in thing.stays:
        part = slice(max(round(stay.start * FPS), 0), None)
        if stay.place is not None:
            bottom[part], yaw[part] = stay.place[:3], stay.place[3]
            continue
        ahead, outward, up = stay.offset
        hands = joints[part][:, [WRISTS[side] for side in stay.hands]].mean(axis=1)
        c, s = np.cos(facing[part]), np.sin(facing[part])
        bottom[part] = hands + np.stack([ahead * c - outward * s, ahead * s + outward * c, np.full(len(c), up)], axis=1)
        bottom[part, 2] = np.maximum(bottom[part, 2], 0.0)
        yaw[part] = facing[part]
    return bottom, yaw


def _parts(thing: Thing, bottom: Floats, yaw: Floats) -> list[Solid]:
    """A box is one block; a chair is a seat and a back, its legs hide nothing."""
    width, depth, height = thing.size
    yaw = yaw - np.pi / 2  # depth lies along the worker's heading

    def block(ahead: float, low: float, size: tuple[float, float, float]) -> Solid:
        centre = bottom + np.array([0.0, 0.0, low + size[2] / 2])
        centre[:, 0] -= ahead * np.sin(yaw)
        centre[:, 1] += ahead * np.cos(yaw)
        return Solid(centre, yaw, size)

    if thing.kind == "box":
        return [block(0.0, 0.0, (width, depth, height))]
    back = (width, PLATE, height - CHAIR_SEAT)
    return [block(0.0, CHAIR_SEAT - PLATE, (width, depth, PLATE)), block(-depth / 2, CHAIR_SEAT, back)]

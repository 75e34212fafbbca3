"""The workshop: furniture, things to carry, and the solids that hide joints."""

from dataclasses import dataclass, field
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from skelmap.simulation.gait import FPS, Floats
from skelmap.simulation.occlusion import Solid

Point = tuple[float, float]

BENCH = (1.10, 0.55, 0.90)
"""Width, depth and height of the bench, m; it has a solid front, which hides legs."""
TRASH_BOX = (0.42, 0.42, 0.70)
CHAIR = (0.42, 0.42, 0.80)
BOX = (0.42, 0.30, 0.28)
CHAIR_SEAT = 0.45
"""Height of a chair's seat, m: what stands below it is legs and hides nothing."""
SPOTS = {"chair": (0, 1), "box": (2, 3)}
"""Between which of the workshop's spots a thing is carried."""
BODY_RADIUS = 0.19
"""How close people pass by things, m from the trunk's middle."""
FLOOR = ((-1.55, 1.55), (2.75, 4.75))
"""Where one can walk and be seen, m: x and y."""


@dataclass(frozen=True)
class Stay:
    """Where a thing is from a moment on.

    Attributes:
        start: s.
        place: (x, y, z, yaw) of its bottom's middle, m and rad; None while it is carried.
        hands: which hands carry it: (0, 1), (0,) or (1,).
        offset: (ahead, outward, up) from the hands' middle to the bottom's middle while carried, m.
    """

    start: float
    place: tuple[float, float, float, float] | None
    hands: tuple[int, ...] = ()
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass
class Thing:
    """Something that can be carried.

    Attributes:
        kind: "chair" or "box".
        size: width, depth, height, m.
        spot: which of the workshop's spots it is at.
        stays: where it is when, in order of time.
    """

    kind: str
    size: tuple[float, float, float]
    spot: int
    stays: list[Stay] = field(default_factory=list)


@dataclass
class Workshop:
    """Where everything stands.

    Attributes:
        bench: (x, y) of its middle, m.
        trash_box: (x, y) of its middle, m.
        spots: (x, y, z) of the places where things are put, m: floor, pallet or low stand.
        things: what can be carried, by kind.
    """

    bench: Point
    trash_box: Point
    spots: tuple[tuple[float, float, float], ...]
    things: dict[str, Thing]

    def place_of(self, spot: int) -> tuple[float, float, float]:
        """Where a spot is, m."""
        return self.spots[spot]

    def other_spot(self, thing: Thing) -> int:
        """Where a thing is carried to: each kind has two spots."""
        pair = SPOTS[thing.kind]
        return pair[1] if thing.spot == pair[0] else pair[0]

    def way(self, start: Point, goal: Point) -> list[Point]:
        """Find a short way round bench, trash box and things: the points to pass, the goal last."""
        blocks = self._blocks()
        if not _blocked(np.array([start]), np.array([goal]), blocks)[0]:
            return [goal]
        corners = _corners(blocks)
        ways = [[c, goal] for c in corners] + [[*pair, goal] for pair in permutations(corners, 2)]
        best, shortest = [goal], np.inf
        free = _clear_pairs([start, goal, *corners], blocks)
        index = {point: i for i, point in enumerate([start, goal, *corners])}
        for way in ways:
            points = [start, *way]
            if all(free[index[a], index[b]] for a, b in pairwise(points)):
                length = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points))
                if length < shortest - 1e-9:
                    best, shortest = way, length
        return best

    def stands_in(self, spot: Point, place: Point) -> bool:
        """Whether a standing place collides with anything but what stands at `place`."""
        own = np.abs(self._middles() - np.array(place)).max(axis=1) < 0.05
        low, high = self._blocks()[:, 0::2], self._blocks()[:, 1::2]
        inside = np.all((np.array(spot) > low) & (np.array(spot) < high), axis=1)
        return bool(np.any(inside & ~own))

    def _middles(self) -> Floats:
        """(B, 2) middles of what nobody walks through."""
        return np.array([self.bench, self.trash_box, *(self.spots[t.spot][:2] for t in self.things.values())])

    def _blocks(self) -> Floats:
        """(B, 4) rectangles nobody walks through: x low, x high, y low, y high."""
        solid = [(*self.bench, BENCH[0], BENCH[1]), (*self.trash_box, TRASH_BOX[0], TRASH_BOX[1])]
        solid += [(*self.spots[t.spot][:2], 0.4, 0.4) for t in self.things.values()]
        x, y, w, d = np.array(solid).T
        return np.stack(
            [x - w / 2 - BODY_RADIUS, x + w / 2 + BODY_RADIUS, y - d / 2 - BODY_RADIUS, y + d / 2 + BODY_RADIUS], axis=1
        )


def build_workshop(rng: np.random.Generator, mirrored: bool = False) -> Workshop:
    """Furnish a workshop: the same plan everywhere, things a hand's breadth off.

    Args:
        rng: source of randomness.
        mirrored: left and right exchanged.

    Returns:
        A workshop with a chair and a box, each of which has two places.
    """
    side = -1.0 if mirrored else 1.0

    def near(x: float, y: float) -> Point:
        dx, dy = rng.uniform(-0.08, 0.08, 2)
        return side * (x + float(dx)), y + float(dy)

    spots = [near(-1.20, 4.45), near(0.75, 3.10), near(0.00, 3.15), near(1.25, 4.40)]
    heights = [0.0, 0.0, float(rng.choice([0.0, 0.15, 0.35])), float(rng.choice([0.0, 0.15, 0.35]))]
    places = tuple((*spot, height) for spot, height in zip(spots, heights, strict=True))
    shop = Workshop(near(-0.95, 3.30), near(1.30, 3.55), places, {})
    for kind, size in (("chair", CHAIR), ("box", BOX)):
        thing = Thing(kind, size, int(rng.choice(SPOTS[kind])))
        x, y, z = shop.spots[thing.spot]
        thing.stays.append(Stay(-1.0, (x, y, z, float(rng.uniform(-0.5, 0.5)))))
        shop.things[kind] = thing
    return shop


def _blocked(a: Floats, b: Floats, blocks: Floats) -> NDArray[np.bool_]:
    """(M,) whether the segment from a to b, (M, 2) each, enters a block; one it starts or ends in does not count."""
    span = b - a
    span = np.where(np.abs(span) < 1e-9, 1e-9, span)
    low, high = blocks[None, :, 0::2], blocks[None, :, 1::2]  # (1, B, 2)
    t1, t2 = (low - a[:, None]) / span[:, None], (high - a[:, None]) / span[:, None]
    enter, leave = np.minimum(t1, t2).max(axis=2), np.maximum(t1, t2).min(axis=2)
    hit = (enter < leave - 1e-9) & (leave > 1e-9) & (enter < 1 - 1e-9)
    inside = [np.all((p[:, None] > low) & (p[:, None] < high), axis=2) for p in (a, b)]
    blocked: NDArray[np.bool_] = np.any(hit & ~inside[0] & ~inside[1], axis=1)
    return blocked


def _corners(blocks: Floats) -> list[Point]:
    """Corners of the blocks from which one is seen and which lie in no other block."""
    points = np.array([(x, y) for b in blocks for x in b[:2] for y in b[2:]])
    (x0, x1), (y0, y1) = FLOOR
    inside = np.any(
        (points[:, None, 0] > blocks[:, 0] + 1e-6)
        & (points[:, None, 0] < blocks[:, 1] - 1e-6)
        & (points[:, None, 1] > blocks[:, 2] + 1e-6)
        & (points[:, None, 1] < blocks[:, 3] - 1e-6),
        axis=1,
    )
    seen = (points[:, 0] > x0) & (points[:, 0] < x1) & (points[:, 1] > y0) & (points[:, 1] < y1)
    return [(float(x), float(y)) for x, y in points[seen & ~inside]]


def _clear_pairs(points: list[Point], blocks: Floats) -> NDArray[np.bool_]:
    """(P, P) whether the way between two points is clear."""
    p = np.array(points)
    n = len(p)
    return ~_blocked(np.repeat(p, n, axis=0), np.tile(p, (n, 1)), blocks).reshape(n, n)


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

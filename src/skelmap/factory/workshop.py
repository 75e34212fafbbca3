"""The place of work: bench, trash box, things to carry, and the way round them."""

from dataclasses import dataclass, field
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from skelmap.factory.curves import Floats

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

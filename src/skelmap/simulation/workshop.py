"""The workshop: furniture and movable objects, path planning around them, and the occluders they form."""

from dataclasses import dataclass, field
from itertools import pairwise, permutations

import numpy as np

from skelmap.simulation.motion import FPS, Bools, Floats
from skelmap.simulation.occlusion import Occluder

Point = tuple[float, float]
"""(x, y) on the floor, m."""
Position = tuple[float, float, float]
"""(x, y, z), m."""

BENCH = (1.10, 0.55, 0.90)
"""Width, depth and height of the bench, m; its closed front occludes legs."""
TRASH_BOX = (0.42, 0.42, 0.70)
CHAIR = (0.42, 0.42, 0.80)
BOX = (0.42, 0.30, 0.28)
CHAIR_SEAT = 0.45
"""Height of a chair's seat, m; the legs below it occlude nothing."""
SEAT_THICKNESS = 0.04
"""Thickness of a chair's seat and back, m."""
OBJECT_LOCATIONS = {"chair": (0, 1), "box": (2, 3)}
"""The two locations, indices of `Workshop.locations`, between which each kind of object is carried."""
BODY_RADIUS = 0.19
"""Distance from the trunk's middle to obstacles in passing, m."""
WALKABLE_AREA = ((-1.55, 1.55), (2.75, 4.75))
"""Range of x and y, m, in which the worker is inside the image."""
WRISTS = (4, 7)
"""Right and left wrist in BODY_25."""


@dataclass(frozen=True)
class ObjectKeyframe:
    """Placement of an object from `start` until the next keyframe.

    Attributes:
        start: s.
        pose: (x, y, z, yaw) of the middle of its bottom, m and rad; None while it is carried.
        hands: carrying hands: (0, 1), (0,) or (1,).
        offset: (forward, left, up) from the middle of the hands to the middle of the bottom while carried, m.
    """

    start: float
    pose: tuple[float, float, float, float] | None
    hands: tuple[int, ...] = ()
    offset: Position = (0.0, 0.0, 0.0)


@dataclass
class MovableObject:
    """An object that can be carried.

    Attributes:
        kind: "chair" or "box".
        size: width, depth, height, m.
        location: index of the workshop's location at which it is or to which it is carried.
        keyframes: placements in order of time.
    """

    kind: str
    size: tuple[float, float, float]
    location: int
    keyframes: list[ObjectKeyframe] = field(default_factory=list)


@dataclass
class Workshop:
    """Floor plan.

    Attributes:
        bench: (x, y) of its middle, m.
        trash_box: (x, y) of its middle, m.
        locations: (x, y, z) where objects are put down, m: on the floor, a pallet or a low stand.
        objects: movable objects by kind.
    """

    bench: Point
    trash_box: Point
    locations: tuple[Position, ...]
    objects: dict[str, MovableObject]

    def other_location(self, obj: MovableObject) -> int:
        """Index of the location to which an object is carried next."""
        pair = OBJECT_LOCATIONS[obj.kind]
        return pair[1] if obj.location == pair[0] else pair[0]

    def find_path(self, start: Point, goal: Point) -> list[Point]:
        """Find the shortest path around bench, trash box and objects with at most two corners.

        Returns:
            Waypoints, the goal last; the goal alone if there is no free path.
        """
        footprints = self._footprints()
        if not _blocked(np.array([start]), np.array([goal]), footprints)[0]:
            return [goal]
        corners = _free_corners(footprints)
        paths = [[c, goal] for c in corners] + [[*pair, goal] for pair in permutations(corners, 2)]
        best, shortest = [goal], np.inf
        points = [start, goal, *corners]
        visible = _visibility(points, footprints)
        index = {point: i for i, point in enumerate(points)}
        for path in paths:
            legs = list(pairwise([start, *path]))
            if all(visible[index[a], index[b]] for a, b in legs):
                length = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in legs)
                if length < shortest - 1e-9:
                    best, shortest = path, length
        return best

    def is_obstructed(self, stance: Point, target: Point) -> bool:
        """Whether a stance collides with an obstacle other than the one at `target`."""
        own = np.abs(self._centres() - np.array(target)).max(axis=1) < 0.05
        low, high = self._footprints()[:, 0::2], self._footprints()[:, 1::2]
        inside = np.all((np.array(stance) > low) & (np.array(stance) < high), axis=1)
        return bool(np.any(inside & ~own))

    def _centres(self) -> Floats:
        """(B, 2) centres of the obstacles."""
        return np.array([self.bench, self.trash_box, *(self.locations[o.location][:2] for o in self.objects.values())])

    def _footprints(self) -> Floats:
        """(B, 4) obstacles grown by the body's radius: x low, x high, y low, y high."""
        sizes = [BENCH[:2], TRASH_BOX[:2], *((0.4, 0.4) for _ in self.objects)]
        x, y = self._centres().T
        w, d = np.array(sizes).T
        return np.stack(
            [x - w / 2 - BODY_RADIUS, x + w / 2 + BODY_RADIUS, y - d / 2 - BODY_RADIUS, y + d / 2 + BODY_RADIUS], axis=1
        )


def build_workshop(rng: np.random.Generator, mirrored: bool = False) -> Workshop:
    """Furnish a workshop: one floor plan, every position varied by up to 8 cm.

    Args:
        rng: random generator.
        mirrored: exchange left and right.

    Returns:
        A workshop with a chair and a box, each at one of its two locations.
    """
    side = -1.0 if mirrored else 1.0

    def near(x: float, y: float) -> Point:
        dx, dy = rng.uniform(-0.08, 0.08, 2)
        return side * (x + float(dx)), y + float(dy)

    points = [near(-1.20, 4.45), near(0.75, 3.10), near(0.00, 3.15), near(1.25, 4.40)]
    heights = [0.0, 0.0, float(rng.choice([0.0, 0.15, 0.35])), float(rng.choice([0.0, 0.15, 0.35]))]
    locations = tuple((*point, height) for point, height in zip(points, heights, strict=True))
    workshop = Workshop(near(-0.95, 3.30), near(1.30, 3.55), locations, {})
    for kind, size in (("chair", CHAIR), ("box", BOX)):
        obj = MovableObject(kind, size, int(rng.choice(OBJECT_LOCATIONS[kind])))
        x, y, z = workshop.locations[obj.location]
        obj.keyframes.append(ObjectKeyframe(-1.0, (x, y, z, float(rng.uniform(-0.5, 0.5)))))
        workshop.objects[kind] = obj
    return workshop


def _blocked(a: Floats, b: Floats, footprints: Floats) -> Bools:
    """Whether the segments from a to b, (M, 2) each, enter a footprint that contains neither end: (M,)."""
    span = b - a
    span = np.where(np.abs(span) < 1e-9, 1e-9, span)
    low, high = footprints[None, :, 0::2], footprints[None, :, 1::2]  # (1, B, 2)
    t1, t2 = (low - a[:, None]) / span[:, None], (high - a[:, None]) / span[:, None]
    enter, leave = np.minimum(t1, t2).max(axis=2), np.maximum(t1, t2).min(axis=2)
    hit = (enter < leave - 1e-9) & (leave > 1e-9) & (enter < 1 - 1e-9)
    inside = [np.all((p[:, None] > low) & (p[:, None] < high), axis=2) for p in (a, b)]
    blocked: Bools = np.any(hit & ~inside[0] & ~inside[1], axis=1)
    return blocked


def _free_corners(footprints: Floats) -> list[Point]:
    """Corners of the footprints that lie in the walkable area and in no other footprint."""
    points = np.array([(x, y) for b in footprints for x in b[:2] for y in b[2:]])
    (x0, x1), (y0, y1) = WALKABLE_AREA
    covered = np.any(
        (points[:, None, 0] > footprints[:, 0] + 1e-6)
        & (points[:, None, 0] < footprints[:, 1] - 1e-6)
        & (points[:, None, 1] > footprints[:, 2] + 1e-6)
        & (points[:, None, 1] < footprints[:, 3] - 1e-6),
        axis=1,
    )
    walkable = (points[:, 0] > x0) & (points[:, 0] < x1) & (points[:, 1] > y0) & (points[:, 1] < y1)
    return [(float(x), float(y)) for x, y in points[walkable & ~covered]]


def _visibility(points: list[Point], footprints: Floats) -> Bools:
    """(P, P) whether the straight line between two points is free."""
    p = np.array(points)
    n = len(p)
    return ~_blocked(np.repeat(p, n, axis=0), np.tile(p, (n, 1)), footprints).reshape(n, n)


def place_occluders(workshop: Workshop, joints: Floats, heading: Floats) -> tuple[Occluder, ...]:
    """Place furniture and objects as boxes over the frames of a motion.

    Args:
        workshop: floor plan with the keyframes of its objects.
        joints: (N, 25, 3) BODY_25 joints, m; carried objects follow the wrists.
        heading: (N,) heading of the worker, rad.

    Returns:
        Boxes over the N frames.
    """
    still = np.zeros(len(joints))
    occluders = [
        Occluder(np.tile((*middle, size[2] / 2), (len(joints), 1)), still, size)
        for middle, size in ((workshop.bench, BENCH), (workshop.trash_box, TRASH_BOX))
    ]
    for obj in workshop.objects.values():
        bottom, yaw = _object_trajectory(obj, joints, heading)
        occluders += _boxes_of(obj, bottom, yaw)
    return tuple(occluders)


def _object_trajectory(obj: MovableObject, joints: Floats, heading: Floats) -> tuple[Floats, Floats]:
    """Middle of the object's bottom (N, 3), m, and its yaw (N,), rad."""
    bottom, yaw = np.zeros((len(joints), 3)), np.zeros(len(joints))
    for key in obj.keyframes:
        part = slice(max(round(key.start * FPS), 0), None)
        if key.pose is not None:
            bottom[part], yaw[part] = key.pose[:3], key.pose[3]
            continue
        forward, left, up = key.offset
        hands = joints[part][:, [WRISTS[side] for side in key.hands]].mean(axis=1)
        c, s = np.cos(heading[part]), np.sin(heading[part])
        bottom[part] = hands + np.stack([forward * c - left * s, forward * s + left * c, np.full(len(c), up)], axis=1)
        bottom[part, 2] = np.maximum(bottom[part, 2], 0.0)
        yaw[part] = heading[part]
    return bottom, yaw


def _boxes_of(obj: MovableObject, bottom: Floats, yaw: Floats) -> list[Occluder]:
    """A box is one occluder; a chair is a seat and a back."""
    width, depth, height = obj.size
    yaw = yaw - np.pi / 2  # depth lies along the worker's heading

    def box(forward: float, low: float, size: tuple[float, float, float]) -> Occluder:
        centre = bottom + np.array([0.0, 0.0, low + size[2] / 2])
        centre[:, 0] -= forward * np.sin(yaw)
        centre[:, 1] += forward * np.cos(yaw)
        return Occluder(centre, yaw, size)

    if obj.kind == "box":
        return [box(0.0, 0.0, (width, depth, height))]
    back = (width, SEAT_THICKNESS, height - CHAIR_SEAT)
    seat = box(0.0, CHAIR_SEAT - SEAT_THICKNESS, (width, depth, SEAT_THICKNESS))
    return [seat, box(-depth / 2, CHAIR_SEAT, back)]

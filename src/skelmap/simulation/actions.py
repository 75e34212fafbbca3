"""The six actions of the paper, normal and abnormal."""

import numpy as np

from skelmap.simulation.hands import At, Dangle, Grip, Hang, Hold
from skelmap.simulation.performer import REACH_SECONDS, Performer
from skelmap.simulation.scene import BENCH, TRASH_BOX, Point, Stay, Thing

GRIP_HEIGHT = {"chair": 0.60, "box": 0.16}
"""Height above a thing's bottom at which hands take it, m: a chair's back, a box's middle."""


def carry(who: Performer, kind: str, one_handed: bool, run: bool = False) -> None:
    """Fetch a chair or a box, carry it to its other spot and put it down."""
    thing = who.shop.things[kind]
    spot, facing = who.stand_before(who.shop.place_of(thing.spot)[:2], 0.50)
    who.walk(spot, facing, run)
    began = who.timeline.now
    hands = (who.main_hand(),) if one_handed else (0, 1)
    _grasp(who, thing, hands)
    _lift(who, thing, hands)
    who.timeline.stay(who.seconds(0.25))
    thing.spot = who.shop.other_spot(thing)
    goal = who.shop.place_of(thing.spot)
    spot, facing = who.stand_before(goal[:2], 0.52)
    if who.rng.random() < 0.3:
        who.glance()
    who.walk(spot, facing, run)
    _put_down(who, thing, hands, goal[2] if kind == "box" else 0.0)
    if one_handed:
        who.abnormal.append((began, who.timeline.now))
    who.timeline.stay(who.seconds(0.3))


def _spots_on(thing: Thing, place: tuple[float, float, float, float]) -> tuple[Point, float]:
    """Middle between the hands and its height for taking a thing that stands at a place."""
    return (place[0], place[1]), place[2] + GRIP_HEIGHT[thing.kind]


def _sides_of(who: Performer, middle: Point, height: float, hands: tuple[int, ...], width: float) -> list[At]:
    """Where each carrying hand goes: either side of the middle, seen from the worker."""
    facing = who.timeline.facing
    grips = []
    for side in hands:
        outward = (width / 2) * (-1 if side == 0 else 1) * (1.0 if len(hands) == 2 else 0.15)
        grips.append(At((middle[0] - outward * np.sin(facing), middle[1] + outward * np.cos(facing), height)))
    return grips


def _grasp(who: Performer, thing: Thing, hands: tuple[int, ...]) -> None:
    place = thing.stays[-1].place
    assert place is not None
    middle, height = _spots_on(thing, place)
    if len(hands) == 1:
        height += 0.12  # one hand takes the top: a chair's back, a box's upper edge
    seconds = who.seconds(REACH_SECONDS)
    who.bend_to(0.46, height, seconds)
    who.timeline.shift("head_pitch", 0.30, 0.4)
    for side, grip in zip(hands, _sides_of(who, middle, height, hands, thing.size[0]), strict=True):
        who.timeline.hand(side, grip, seconds)
    if len(hands) == 1:
        brace(who, 1 - hands[0], seconds)
    who.timeline.stay(seconds + 0.15)


def brace(who: Performer, side: int, seconds: float) -> None:
    """What the idle arm does while the other lifts."""
    w = who.worker
    grips: tuple[Grip, ...] = (Hang(), Hold(0.0, w.hip + 0.10, -w.trunk * 0.92), Hold(0.12, 0.28, -w.trunk * 0.85))
    who.timeline.hand(side, grips[who.choose(3, 1, 1)], seconds)


def _lift(who: Performer, thing: Thing, hands: tuple[int, ...]) -> None:
    w, seconds = who.worker, who.seconds(REACH_SECONDS)
    grip_height = GRIP_HEIGHT[thing.kind]
    if len(hands) == 2:
        up = -w.trunk * who.vary(0.62 if thing.kind == "chair" else 0.70) / w.carry_height
        ahead = who.vary(0.30) * w.spread
        for side in hands:
            who.timeline.hand(side, Hold(ahead, thing.size[0] / 2, up), seconds)
        who.straighten(seconds, lean=-0.07)  # the load in front is balanced by leaning back
        offset = (0.12, 0.0, -grip_height)
    else:
        side = hands[0]
        away = -1.0 if side == 1 else 1.0
        who.timeline.hand(side, _one_hand_grip(who, thing), seconds)
        who.free(1 - side, seconds)
        who.straighten(seconds, lean=0.02)
        who.timeline.shift("bend", away * float(who.rng.uniform(0.07, 0.14)), seconds)  # away from the load
        offset = (0.05, 0.10 * -away, -grip_height - 0.12)
    who.timeline.shift("head_pitch", 0.0, 0.6)
    thing.stays.append(Stay(who.timeline.now, None, hands, offset))
    who.timeline.stay(seconds)


def _one_hand_grip(who: Performer, thing: Thing) -> Grip:
    """A chair or a box hangs from the hand, or the box is clamped against the hip."""
    if thing.kind == "box" and who.rng.random() < 0.5:
        return Hold(0.10, who.worker.hip + 0.16, -who.worker.trunk * 0.85)
    return Dangle(who.vary(0.16), 0.04, float(who.rng.uniform(0.05, 0.25)))


def _put_down(who: Performer, thing: Thing, hands: tuple[int, ...], floor: float) -> None:
    seconds = who.seconds(REACH_SECONDS * 1.1)
    facing, (x, y) = who.timeline.facing, who.timeline.place
    gap = 0.48
    place = (x + gap * float(np.cos(facing)), y + gap * float(np.sin(facing)), floor, facing)
    middle, height = _spots_on(thing, place)
    if len(hands) == 1:
        height += 0.12
    who.bend_to(gap - 0.04, height, seconds)
    who.timeline.shift("bend", 0.0, seconds)
    who.timeline.shift("head_pitch", 0.30, 0.4)
    for side, grip in zip(hands, _sides_of(who, middle, height, hands, thing.size[0]), strict=True):
        who.timeline.hand(side, grip, seconds)
    who.timeline.stay(seconds + 0.15)
    thing.stays.append(Stay(who.timeline.now, place))
    seconds = who.seconds(REACH_SECONDS)
    who.both(Hang(), seconds)
    who.straighten(seconds)
    who.timeline.shift("head_pitch", 0.0, 0.6)
    who.timeline.stay(0.8 * seconds)


NORMAL = ("carry_chair", "cut_paper", "discard_trash", "carry_box")
ABNORMAL = ("carry_chair", "cut_paper", "discard_trash", "carry_box", "dig_trash", "run")
"""Works in the paper's order; dig_trash and run have no normal way."""

STAND_OFF = 0.29
"""How far from the trash box people stand who work at it, m."""
DROPS, THROWS = 3, 2
"""How many things are dropped or thrown, one after the other: so many that both take the same time."""


def perform(who: Performer, work: str, abnormal: bool) -> None:
    """Do one work from approach to leaving, and note what was done when.

    Args:
        who: the worker, standing anywhere with free hands.
        work: one of `ABNORMAL`.
        abnormal: in the abnormal way.
    """
    began = who.timeline.now
    if work in ("carry_chair", "carry_box"):
        carry(who, work.removeprefix("carry_"), one_handed=abnormal)
    elif work == "cut_paper":
        cut_paper(who, one_handed=abnormal)
    elif work == "discard_trash":
        throw_trash(who) if abnormal else discard_trash(who)
    elif work == "dig_trash":
        dig_trash(who)
    elif who.rng.random() < 0.75:
        carry(who, ("chair", "box")[who.choose(1, 1)], one_handed=False, run=True)
    else:
        discard_trash(who, run=True)
    who.works.append((work, began, who.timeline.now))


def cut_paper(who: Performer, one_handed: bool) -> None:
    """Cut paper at the bench with one hand while the other holds it, or does not."""
    (x, y), w = who.shop.bench, who.worker
    along = w.bench_place + float(who.rng.normal(0.0, 0.05))
    if who.rng.random() < 0.85:  # behind the bench, facing the camera more or less
        spot, facing = (x + along, y + BENCH[1] / 2 + 0.20), -np.pi / 2
    else:  # at the end towards the middle of the room
        end = 1.0 if x < 0 else -1.0
        spot, facing = (x + end * (BENCH[0] / 2 + 0.20), y + 0.2 * along), (np.pi if end > 0 else 0.0)
    facing += w.bench_turn + float(who.rng.normal(0.0, 0.06))
    who.walk(spot, facing)
    began = who.timeline.now
    cutter, seconds = who.main_hand(), who.seconds(REACH_SECONDS)
    who.bend_to(0.36, BENCH[2] + 0.06, seconds)
    who.timeline.shift("head_pitch", float(who.rng.uniform(0.35, 0.6)), seconds)
    if one_handed:
        brace(who, 1 - cutter, seconds)
    _strokes(who, cutter, w.spread, hold=not one_handed)
    for side in (0, 1):
        who.free(side, seconds)
    who.straighten(seconds)
    who.timeline.shift("head_pitch", 0.0, seconds)
    who.timeline.stay(0.8 * seconds)
    if one_handed:
        who.abnormal.append((began, who.timeline.now))


def _strokes(who: Performer, cutter: int, spread: float, hold: bool) -> None:
    """Several cuts; between them the paper is moved or turned, and one looks up now and then."""
    facing, (x, y) = who.timeline.facing, who.timeline.place

    def on_bench(ahead: float, left: float, up: float) -> tuple[float, float, float]:
        return (
            x + ahead * float(np.cos(facing)) - left * float(np.sin(facing)),
            y + ahead * float(np.sin(facing)) + left * float(np.cos(facing)),
            BENCH[2] + up,
        )

    sign = -1.0 if cutter == 0 else 1.0
    rate = who.vary(1.9, 0.2) * who.worker.tempo
    for _ in range(int(who.rng.integers(3, 6))):
        ahead, left = float(who.rng.uniform(0.29, 0.43)), sign * float(who.rng.uniform(0.02, 0.12)) * spread
        direction = float(who.rng.uniform(-0.6, 0.6))
        swing = (0.030 * float(np.cos(facing + direction)), 0.030 * float(np.sin(facing + direction)), 0.012)
        seconds = who.seconds(0.6)
        who.timeline.hand(cutter, At(on_bench(ahead, left, 0.06), swing, rate), seconds)
        if hold:
            other = on_bench(ahead - float(who.rng.uniform(-0.02, 0.08)), left - sign * who.vary(0.20) * spread, 0.04)
            who.timeline.hand(1 - cutter, At(other, (0.006, 0.006, 0.004), 0.8), seconds)
        who.timeline.shift("twist", float(who.rng.uniform(-0.12, 0.12)), seconds)
        if who.rng.random() < 0.15:
            who.glance()
        who.timeline.stay(seconds + who.seconds(0.75))


def discard_trash(who: Performer, run: bool = False) -> None:
    """Carry a few small things to the trash box and drop them in from close by."""
    hand = _take_trash(who)
    spot, facing = who.stand_before(who.shop.trash_box, TRASH_BOX[0] / 2 + STAND_OFF)
    who.walk(spot, facing, run)
    x, y = who.shop.trash_box
    who.bend_to(0.46, TRASH_BOX[2] + 0.16, who.seconds(REACH_SECONDS))
    who.timeline.shift("head_pitch", 0.35, 0.6)
    for piece in range(DROPS):
        if piece:  # the next one comes from the other hand, or the pocket
            who.timeline.hand(hand, _ready(who), who.seconds(0.6))
            who.timeline.stay(who.seconds(0.6))
        height = TRASH_BOX[2] + float(who.rng.uniform(0.08, 0.25))
        who.timeline.hand(hand, At((x, y, height)), who.seconds(REACH_SECONDS))
        who.timeline.stay(who.seconds(REACH_SECONDS + 0.25))
    _leave_box(who, (hand,))


def throw_trash(who: Performer) -> None:
    """Throw a few small things into the trash box from a distance, over or under the shoulder."""
    hand = _take_trash(who)
    spot, facing = who.stand_before(who.shop.trash_box, float(who.rng.uniform(1.0, 1.9)))
    who.walk(spot, facing)
    began, over = who.timeline.now, bool(who.rng.random() < 0.55)
    for piece in range(THROWS):
        if piece:
            who.timeline.hand(hand, _ready(who), who.seconds(0.6))
            who.timeline.shift("lean", 0.0, 0.5)
            who.timeline.stay(who.seconds(0.6))
        _throw(who, hand, over)
    _leave_box(who, (hand,))
    who.abnormal.append((began, who.timeline.now))


def _throw(who: Performer, hand: int, over: bool) -> None:
    """Wind up, launch, follow through."""
    w = who.worker
    back = -1.0 if hand == 0 else 1.0  # turning right is negative: the throwing shoulder goes back
    if over:
        wind, launch = Hold(-0.12, w.shoulder + 0.20, 0.24), Hold(0.46, 0.10, 0.30)
    else:
        wind, launch = Hold(-0.22, w.shoulder + 0.06, -0.75 * w.arm), Hold(0.50, 0.08, -0.05)
    ready, fast = who.seconds(0.65), who.seconds(0.32)
    who.timeline.hand(hand, wind, ready)
    who.timeline.shift("twist", back * float(who.rng.uniform(0.35, 0.6)), ready)
    who.timeline.shift("lean", -0.06, ready)
    who.timeline.stay(ready)
    who.timeline.hand(hand, launch, fast)
    who.timeline.shift("twist", -back * float(who.rng.uniform(0.2, 0.4)), fast)
    who.timeline.shift("lean", 0.16, fast)
    who.timeline.stay(fast)
    who.timeline.hand(hand, Hold(0.36, -0.04, -0.35), fast * 1.2)
    who.timeline.stay(who.seconds(0.35))


def dig_trash(who: Performer) -> None:
    """Bend over the trash box and rummage in it."""
    hand = _take_trash(who)
    spot, facing = who.stand_before(who.shop.trash_box, TRASH_BOX[0] / 2 + STAND_OFF)
    who.walk(spot, facing)
    began, seconds = who.timeline.now, who.seconds(REACH_SECONDS * 1.2)
    hands = (0, 1) if who.rng.random() < 0.6 else (hand,)
    depth = float(who.rng.uniform(0.36, 0.54))
    who.bend_to(0.46, depth, seconds)
    who.timeline.shift("head_pitch", 0.35, seconds)
    if len(hands) == 1:
        x, y = who.shop.trash_box
        rim = (x - 0.19 * float(np.cos(facing)), y - 0.19 * float(np.sin(facing)), TRASH_BOX[2] + 0.03)
        who.timeline.hand(1 - hand, At(rim), seconds)
    for _ in range(int(who.rng.integers(2, 5))):
        for side in hands:
            _rummage(who, side, depth)
        who.timeline.shift("bend", float(who.rng.uniform(-0.10, 0.10)), 0.7)
        who.timeline.stay(who.seconds(1.0))
    _leave_box(who, (0, 1))
    who.abnormal.append((began, who.timeline.now))


def _rummage(who: Performer, side: int, depth: float) -> None:
    x, y = who.shop.trash_box
    dx, dy, dz = (float(v) for v in who.rng.uniform((-0.10, -0.10, -0.05), (0.10, 0.10, 0.14)))
    swing = tuple(float(v) for v in who.rng.uniform(-0.05, 0.05, 3))
    grip = At((x + dx, y + dy, depth + dz), (swing[0], swing[1], swing[2]), who.vary(1.3), float(who.rng.random()))
    who.timeline.hand(side, grip, who.seconds(0.6))


def _take_trash(who: Performer) -> int:
    """Take up something small, to be carried in front of the body; returns the hand."""
    hand = who.main_hand()
    seconds = who.seconds(0.7)
    who.timeline.hand(hand, _ready(who), seconds)
    who.timeline.stay(0.5 * seconds)
    return hand


def _ready(who: Performer) -> Hold:
    """A hand in front of the belly with something small in it."""
    return Hold(who.vary(0.24), 0.12, -who.worker.trunk * who.vary(0.62))


def _leave_box(who: Performer, hands: tuple[int, ...]) -> None:
    seconds = who.seconds(REACH_SECONDS)
    for side in hands:
        who.free(side, seconds)
    who.straighten(seconds)
    who.timeline.shift("head_pitch", 0.0, seconds)
    who.timeline.stay(0.8 * seconds)

"""Carrying: fetch a chair or a box, carry it with both hands or one, put it down."""

import numpy as np

from skelmap.factory.hands import At, Dangle, Grip, Hang, Hold
from skelmap.factory.performer import REACH_SECONDS, Performer
from skelmap.factory.workshop import Point, Stay, Thing

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

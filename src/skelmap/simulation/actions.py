"""The paper's six actions, normal and abnormal."""

import numpy as np

from skelmap.simulation.carrying import carry
from skelmap.simulation.hand_targets import ChestTarget, WorldTarget
from skelmap.simulation.motion import SIDE_SIGN
from skelmap.simulation.motion_builder import REACH_SECONDS, MotionBuilder
from skelmap.simulation.workshop import BENCH, TRASH_BOX

NORMAL_ACTIONS = ("carry_chair", "cut_paper", "discard_trash", "carry_box")
ABNORMAL_ACTIONS = ("carry_chair", "cut_paper", "discard_trash", "carry_box", "dig_trash", "run")
"""In the paper's order; dig_trash and run have no normal variant."""

BOX_DISTANCE = 0.29
"""Distance from the trash box's edge for working at it, m."""
DROPS, THROWS = 3, 2
"""Number of objects dropped or thrown in one action, chosen so that both take the same time."""


def perform_action(motion: MotionBuilder, action: str, abnormal: bool) -> None:
    """Append one action from approach to departure, with its labels.

    Args:
        motion: motion so far; the worker stands anywhere, both hands are free.
        action: one of `ABNORMAL_ACTIONS`.
        abnormal: whether to perform the abnormal variant.
    """
    began = motion.timeline.now
    if action in ("carry_chair", "carry_box"):
        carry(motion, action.removeprefix("carry_"), one_handed=abnormal)
    elif action == "cut_paper":
        cut_paper(motion, one_handed=abnormal)
    elif action == "discard_trash":
        throw_trash(motion) if abnormal else discard_trash(motion)
    elif action == "dig_trash":
        dig_trash(motion)
    elif motion.rng.random() < 0.75:
        carry(motion, ("chair", "box")[motion.choose(1, 1)], one_handed=False, running=True)
    else:
        discard_trash(motion, running=True)
    motion.actions.append((action, began, motion.timeline.now))


def cut_paper(motion: MotionBuilder, one_handed: bool) -> None:
    """Cut paper at the bench with one hand; the other holds the paper, or rests if `one_handed`."""
    (x, y), w = motion.workshop.bench, motion.worker
    along = w.bench_offset + float(motion.rng.normal(0.0, 0.05))
    if motion.rng.random() < 0.85:  # behind the bench, facing the camera more or less
        stance, heading = (x + along, y + BENCH[1] / 2 + 0.20), -np.pi / 2
    else:  # at the short side, towards the middle of the room
        end = 1.0 if x < 0 else -1.0
        stance, heading = (x + end * (BENCH[0] / 2 + 0.20), y + 0.2 * along), (np.pi if end > 0 else 0.0)
    heading += w.bench_heading_offset + float(motion.rng.normal(0.0, 0.06))
    motion.walk_to(stance, heading)
    began = motion.timeline.now
    cutter, seconds = motion.working_hand(), motion.duration(REACH_SECONDS)
    motion.lean_to_reach(0.36, BENCH[2] + 0.06, seconds)
    motion.timeline.animate("head_pitch", float(motion.rng.uniform(0.35, 0.6)), seconds)
    if one_handed:
        motion.rest_arm(1 - cutter, seconds)
    _cutting_strokes(motion, cutter, hold=not one_handed)
    _finish(motion, (0, 1), seconds)
    if one_handed:
        motion.abnormal.append((began, motion.timeline.now))


def _cutting_strokes(motion: MotionBuilder, cutter: int, hold: bool) -> None:
    """Several cuts with hand `cutter`; between them the paper is moved, and now and then the head turns aside."""
    heading, (x, y) = motion.timeline.heading, motion.timeline.position
    reach = motion.worker.reach_scale

    def on_bench(forward: float, left: float, up: float) -> tuple[float, float, float]:
        return (
            x + forward * float(np.cos(heading)) - left * float(np.sin(heading)),
            y + forward * float(np.sin(heading)) + left * float(np.cos(heading)),
            BENCH[2] + up,
        )

    sign = SIDE_SIGN[cutter]
    frequency = motion.vary(1.9, 0.2) * motion.worker.tempo
    for _ in range(int(motion.rng.integers(3, 6))):
        forward, left = float(motion.rng.uniform(0.29, 0.43)), sign * float(motion.rng.uniform(0.02, 0.12)) * reach
        direction = float(motion.rng.uniform(-0.6, 0.6))
        amplitude = (0.030 * float(np.cos(heading + direction)), 0.030 * float(np.sin(heading + direction)), 0.012)
        seconds = motion.duration(0.6)
        motion.timeline.move_hand(cutter, WorldTarget(on_bench(forward, left, 0.06), amplitude, frequency), seconds)
        if hold:
            other = on_bench(
                forward - float(motion.rng.uniform(-0.02, 0.08)), left - sign * motion.vary(0.20) * reach, 0.04
            )
            motion.timeline.move_hand(1 - cutter, WorldTarget(other, (0.006, 0.006, 0.004), 0.8), seconds)
        motion.timeline.animate("twist", float(motion.rng.uniform(-0.12, 0.12)), seconds)
        if motion.rng.random() < 0.15:
            motion.glance_aside()
        motion.timeline.wait(seconds + motion.duration(0.75))


def discard_trash(motion: MotionBuilder, running: bool = False) -> None:
    """Carry a few small objects to the trash box and drop them in from close by."""
    hand = _pick_up_trash(motion)
    stance, heading = motion.choose_stance(motion.workshop.trash_box, TRASH_BOX[0] / 2 + BOX_DISTANCE)
    motion.walk_to(stance, heading, running)
    x, y = motion.workshop.trash_box
    motion.lean_to_reach(0.46, TRASH_BOX[2] + 0.16, motion.duration(REACH_SECONDS))
    motion.timeline.animate("head_pitch", 0.35, 0.6)
    for drop in range(DROPS):
        if drop:  # the next object comes from the other hand or a pocket
            motion.timeline.move_hand(hand, _hold_small_object(motion), motion.duration(0.6))
            motion.timeline.wait(motion.duration(0.6))
        height = TRASH_BOX[2] + float(motion.rng.uniform(0.08, 0.25))
        motion.timeline.move_hand(hand, WorldTarget((x, y, height)), motion.duration(REACH_SECONDS))
        motion.timeline.wait(motion.duration(REACH_SECONDS + 0.25))
    _finish(motion, (hand,), motion.duration(REACH_SECONDS))


def throw_trash(motion: MotionBuilder) -> None:
    """Throw a few small objects into the trash box from a distance, overarm or underarm."""
    hand = _pick_up_trash(motion)
    stance, heading = motion.choose_stance(motion.workshop.trash_box, float(motion.rng.uniform(1.0, 1.9)))
    motion.walk_to(stance, heading)
    began, over = motion.timeline.now, bool(motion.rng.random() < 0.55)
    for throw in range(THROWS):
        if throw:
            motion.timeline.move_hand(hand, _hold_small_object(motion), motion.duration(0.6))
            motion.timeline.animate("lean", 0.0, 0.5)
            motion.timeline.wait(motion.duration(0.6))
        _throw(motion, hand, over)
    _finish(motion, (hand,), motion.duration(REACH_SECONDS))
    motion.abnormal.append((began, motion.timeline.now))


def _throw(motion: MotionBuilder, hand: int, over: bool) -> None:
    """Wind up, launch, follow through; overarm if `over`, else underarm."""
    w = motion.worker
    back = SIDE_SIGN[hand]  # right is negative: the throwing shoulder goes back
    if over:
        wind, launch = ChestTarget(-0.12, w.half_shoulder_width + 0.20, 0.24), ChestTarget(0.46, 0.10, 0.30)
    else:
        wind, launch = (
            ChestTarget(-0.22, w.half_shoulder_width + 0.06, -0.75 * w.arm_length),
            ChestTarget(0.50, 0.08, -0.05),
        )
    ready, fast = motion.duration(0.65), motion.duration(0.32)
    motion.timeline.move_hand(hand, wind, ready)
    motion.timeline.animate("twist", back * float(motion.rng.uniform(0.35, 0.6)), ready)
    motion.timeline.animate("lean", -0.06, ready)
    motion.timeline.wait(ready)
    motion.timeline.move_hand(hand, launch, fast)
    motion.timeline.animate("twist", -back * float(motion.rng.uniform(0.2, 0.4)), fast)
    motion.timeline.animate("lean", 0.16, fast)
    motion.timeline.wait(fast)
    motion.timeline.move_hand(hand, ChestTarget(0.36, -0.04, -0.35), fast * 1.2)
    motion.timeline.wait(motion.duration(0.35))


def dig_trash(motion: MotionBuilder) -> None:
    """Bend over the trash box and rummage in it."""
    hand = _pick_up_trash(motion)
    stance, heading = motion.choose_stance(motion.workshop.trash_box, TRASH_BOX[0] / 2 + BOX_DISTANCE)
    motion.walk_to(stance, heading)
    began, seconds = motion.timeline.now, motion.duration(REACH_SECONDS * 1.2)
    hands = (0, 1) if motion.rng.random() < 0.6 else (hand,)
    height = float(motion.rng.uniform(0.36, 0.54))
    motion.lean_to_reach(0.46, height, seconds)
    motion.timeline.animate("head_pitch", 0.35, seconds)
    if len(hands) == 1:
        x, y = motion.workshop.trash_box
        rim = (x - 0.19 * float(np.cos(heading)), y - 0.19 * float(np.sin(heading)), TRASH_BOX[2] + 0.03)
        motion.timeline.move_hand(1 - hand, WorldTarget(rim), seconds)
    for _ in range(int(motion.rng.integers(2, 5))):
        for side in hands:
            _rummage(motion, side, height)
        motion.timeline.animate("side_bend", float(motion.rng.uniform(-0.10, 0.10)), 0.7)
        motion.timeline.wait(motion.duration(1.0))
    _finish(motion, (0, 1), motion.duration(REACH_SECONDS))
    motion.abnormal.append((began, motion.timeline.now))


def _rummage(motion: MotionBuilder, side: int, height: float) -> None:
    """Move a hand to a random place in the box, around a height above the floor, m, and oscillate there."""
    x, y = motion.workshop.trash_box
    dx, dy, dz = (float(v) for v in motion.rng.uniform((-0.10, -0.10, -0.05), (0.10, 0.10, 0.14)))
    amplitude = tuple(float(v) for v in motion.rng.uniform(-0.05, 0.05, 3))
    target = WorldTarget(
        (x + dx, y + dy, height + dz),
        (amplitude[0], amplitude[1], amplitude[2]),
        motion.vary(1.3),
        float(motion.rng.random()),
    )
    motion.timeline.move_hand(side, target, motion.duration(0.6))


def _pick_up_trash(motion: MotionBuilder) -> int:
    """Take a small object into a working hand, held in front of the body; return the hand."""
    hand = motion.working_hand()
    seconds = motion.duration(0.7)
    motion.timeline.move_hand(hand, _hold_small_object(motion), seconds)
    motion.timeline.wait(0.5 * seconds)
    return hand


def _hold_small_object(motion: MotionBuilder) -> ChestTarget:
    """Target of a hand with a small object, in front of the belly."""
    return ChestTarget(motion.vary(0.24), 0.12, -motion.worker.trunk * motion.vary(0.62))


def _finish(motion: MotionBuilder, hands: tuple[int, ...], seconds: float) -> None:
    """Lower the arms and return the trunk to upright."""
    for side in hands:
        motion.lower_arm(side, seconds)
    motion.stand_up(seconds)
    motion.timeline.animate("head_pitch", 0.0, seconds)
    motion.timeline.wait(0.8 * seconds)

"""Carrying a chair or a box: grasp, lift, transport and put down, with both hands or with one."""

import numpy as np

from skelmap.simulation.hand_targets import ArmSwing, ChestTarget, HandTarget, SideCarry, WorldTarget
from skelmap.simulation.motion import SIDE_SIGN
from skelmap.simulation.motion_builder import REACH_SECONDS, MotionBuilder
from skelmap.simulation.workshop import MovableObject, ObjectKeyframe

GRASP_HEIGHT = {"chair": 0.60, "box": 0.16}
"""Height of the grasp with two hands above an object's bottom, m: a chair's back, a box's middle."""
ONE_HAND_RAISE = 0.12
"""One hand grasps this much higher, m: the top of a chair's back, a box's upper edge."""


def carry(motion: MotionBuilder, kind: str, one_handed: bool, running: bool = False) -> None:
    """Fetch a chair or a box, carry it to its other location and put it down.

    Args:
        motion: motion so far; both hands are free.
        kind: "chair" or "box".
        one_handed: whether one hand carries, which is labelled abnormal from the grasp on.
        running: whether the ways are run, which is labelled abnormal.
    """
    obj = motion.workshop.objects[kind]
    stance, heading = motion.choose_stance(motion.workshop.locations[obj.location][:2], 0.50)
    motion.walk_to(stance, heading, running)
    began = motion.timeline.now
    hands = (motion.working_hand(),) if one_handed else (0, 1)
    _grasp(motion, obj, hands)
    _lift(motion, obj, hands)
    motion.timeline.wait(motion.duration(0.25))
    obj.location = motion.workshop.other_location(obj)
    goal = motion.workshop.locations[obj.location]
    stance, heading = motion.choose_stance(goal[:2], 0.52)
    if motion.rng.random() < 0.3:
        motion.glance_aside()
    motion.walk_to(stance, heading, running)
    _put_down(motion, obj, hands, goal[2] if kind == "box" else 0.0)
    if one_handed:
        motion.abnormal.append((began, motion.timeline.now))
    motion.timeline.wait(motion.duration(0.3))


def _reach_for(
    motion: MotionBuilder,
    obj: MovableObject,
    pose: tuple[float, float, float, float],
    hands: tuple[int, ...],
    forward: float,
    seconds: float,
) -> None:
    """Lean down and move the hands to either side of an object with a pose (x, y, z, yaw)."""
    height = pose[2] + GRASP_HEIGHT[obj.kind]
    if len(hands) == 1:
        height += ONE_HAND_RAISE
    motion.lean_to_reach(forward, height, seconds)
    motion.timeline.animate("head_pitch", 0.30, 0.4)
    heading = motion.timeline.heading
    for side in hands:
        left = (obj.size[0] / 2) * SIDE_SIGN[side] * (1.0 if len(hands) == 2 else 0.15)
        target = WorldTarget((pose[0] - left * np.sin(heading), pose[1] + left * np.cos(heading), height))
        motion.timeline.move_hand(side, target, seconds)


def _grasp(motion: MotionBuilder, obj: MovableObject, hands: tuple[int, ...]) -> None:
    pose = obj.keyframes[-1].pose
    assert pose is not None
    seconds = motion.duration(REACH_SECONDS)
    _reach_for(motion, obj, pose, hands, 0.46, seconds)
    if len(hands) == 1:
        motion.rest_arm(1 - hands[0], seconds)
    motion.timeline.wait(seconds + 0.15)


def _lift(motion: MotionBuilder, obj: MovableObject, hands: tuple[int, ...]) -> None:
    w, seconds = motion.worker, motion.duration(REACH_SECONDS)
    grasp_height = GRASP_HEIGHT[obj.kind]
    if len(hands) == 2:
        up = -w.trunk * motion.vary(0.62 if obj.kind == "chair" else 0.70) / w.carry_height_scale
        forward = motion.vary(0.30) * w.reach_scale
        for side in hands:
            motion.timeline.move_hand(side, ChestTarget(forward, obj.size[0] / 2, up), seconds)
        motion.stand_up(seconds, lean=-0.07)  # the load in front is balanced by leaning back
        offset = (0.12, 0.0, -grasp_height)
    else:
        side = hands[0]
        away = -SIDE_SIGN[side]
        motion.timeline.move_hand(side, _one_hand_carry(motion, obj), seconds)
        motion.lower_arm(1 - side, seconds)
        motion.stand_up(seconds, lean=0.02)
        motion.timeline.animate("side_bend", away * float(motion.rng.uniform(0.07, 0.14)), seconds)  # away from load
        offset = (0.05, 0.10 * -away, -grasp_height - ONE_HAND_RAISE)
    motion.timeline.animate("head_pitch", 0.0, 0.6)
    obj.keyframes.append(ObjectKeyframe(motion.timeline.now, None, hands, offset))
    motion.timeline.wait(seconds)


def _one_hand_carry(motion: MotionBuilder, obj: MovableObject) -> HandTarget:
    """A chair or a box hangs from the hand, or the box is clamped against the hip."""
    if obj.kind == "box" and motion.rng.random() < 0.5:
        return ChestTarget(0.10, motion.worker.half_hip_width + 0.16, -motion.worker.trunk * 0.85)
    return SideCarry(motion.vary(0.16), 0.04, float(motion.rng.uniform(0.05, 0.25)))


def _put_down(motion: MotionBuilder, obj: MovableObject, hands: tuple[int, ...], floor: float) -> None:
    """Put the object down in front, on a surface at height `floor`, m, and stand up."""
    seconds = motion.duration(REACH_SECONDS * 1.1)
    heading, (x, y) = motion.timeline.heading, motion.timeline.position
    distance = 0.48
    pose = (x + distance * float(np.cos(heading)), y + distance * float(np.sin(heading)), floor, heading)
    motion.timeline.animate("side_bend", 0.0, seconds)
    _reach_for(motion, obj, pose, hands, distance - 0.04, seconds)
    motion.timeline.wait(seconds + 0.15)
    obj.keyframes.append(ObjectKeyframe(motion.timeline.now, pose))
    seconds = motion.duration(REACH_SECONDS)
    motion.move_both_hands(ArmSwing(), seconds)
    motion.stand_up(seconds)
    motion.timeline.animate("head_pitch", 0.0, 0.6)
    motion.timeline.wait(0.8 * seconds)

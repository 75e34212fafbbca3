"""Motion builder: the reusable movements of which actions are made, and idle gestures that have no meaning."""

from dataclasses import dataclass, field

import numpy as np

from skelmap.simulation.body import Worker
from skelmap.simulation.hand_targets import ArmSwing, ChestTarget, HandTarget, HeadTarget
from skelmap.simulation.posture import reach_posture
from skelmap.simulation.timeline import Timeline
from skelmap.simulation.workshop import WALKABLE_AREA, Point, Workshop

REACH_SECONDS = 0.85
"""Duration of a reach with a lean of the trunk at average tempo, s (Kaminski et al. 1995: 0.8 to 1)."""
RUN_FACTOR = 2.0
"""Jogging speed over the worker's walking speed: about 2.3 m/s, clear of the walk-run transition at 2 m/s (Hreljac
1993)."""

BEFORE_CHEST = ChestTarget(0.30, 0.20, -0.22)
"""Intermediate target of a hand on its way between hanging and the head."""


@dataclass
class MotionBuilder:
    """Builds the timeline of a worker in a workshop, with the labels of what happens when.

    Attributes:
        worker: body measures and movement style.
        workshop: furniture and objects.
        rng: random generator of all variation.
        timeline: motion built so far.
        abnormal: (start, stop) of abnormal intervals, s.
        actions: (name, start, stop) of the actions, s.
    """

    worker: Worker
    workshop: Workshop
    rng: np.random.Generator
    timeline: Timeline
    abnormal: list[tuple[float, float]] = field(default_factory=list)
    actions: list[tuple[str, float, float]] = field(default_factory=list)

    def vary(self, mean: float, sigma: float = 0.08) -> float:
        """Draw a positive number around a mean from a clipped log-normal distribution."""
        return float(mean * np.exp(sigma * np.clip(self.rng.normal(), -2.0, 2.0)))

    def duration(self, mean: float, sigma: float = 0.12) -> float:
        """Draw a duration, s, around a mean, divided by the worker's tempo."""
        return self.vary(mean, sigma) / self.worker.tempo

    def choose(self, *weights: float) -> int:
        """Draw an index with probabilities in proportion to weights."""
        return int(np.searchsorted(np.cumsum(weights), self.rng.random() * sum(weights), side="right"))

    def working_hand(self) -> int:
        """Draw the hand that works, mostly the dominant one; 0 = right, 1 = left."""
        dominant = self.worker.dominant_hand
        return dominant if self.rng.random() < 0.85 else 1 - dominant

    # --- locomotion and posture -----------------------------------------------------------------------------

    def walk_to(self, goal: Point, heading: float, running: bool = False) -> None:
        """Walk or run to a goal around obstacles; running is labelled abnormal."""
        speed = self.vary(self.worker.walk_speed, 0.07) * (RUN_FACTOR if running else 1.0)
        began = self.timeline.now
        path = self.workshop.find_path(self.timeline.position, goal)
        self.timeline.follow_path(path, heading, speed, running)
        if running:
            self.abnormal.append((began, self.timeline.now))

    def choose_stance(self, target: Point, distance: float) -> tuple[Point, float]:
        """Choose where to stand to work at a target: on the near side, within the walkable area, unobstructed.

        Args:
            target: (x, y) of what to work at, m.
            distance: distance from it, m.

        Returns:
            (x, y), m, and the heading towards the target, rad.
        """
        x, y = self.timeline.position
        near_side = float(np.arctan2(y - target[1], x - target[0]))
        (x0, x1), (y0, y1) = WALKABLE_AREA
        for width in (0.35, 1.0, 2.0, np.pi, np.pi):  # rad; wider if every place is obstructed
            for _ in range(12):
                angle = near_side + float(self.rng.uniform(-width, width))
                stance = (target[0] + distance * float(np.cos(angle)), target[1] + distance * float(np.sin(angle)))
                inside = x0 <= stance[0] <= x1 and y0 <= stance[1] <= y1
                if inside and not self.workshop.is_obstructed(stance, target):
                    return stance, angle + np.pi
        return (target[0], target[1] + distance), -np.pi / 2

    def lean_to_reach(self, forward: float, height: float, seconds: float) -> None:
        """Lean and crouch so that the hands reach a height in front, m."""
        lean, crouch = reach_posture(self.worker, forward, height)
        knee_share = float(np.clip(self.worker.squat_bias + 0.08 * self.rng.normal(), -0.25, 0.5))
        self.timeline.animate("lean", max(lean * (1 - 0.35 * knee_share), 0.0), seconds)
        self.timeline.animate("crouch", min(crouch + 0.12 * lean * max(knee_share, 0), 0.45), seconds)

    def stand_up(self, seconds: float, lean: float = 0.0) -> None:
        """Return the trunk to upright."""
        self.timeline.animate("lean", lean, seconds)
        self.timeline.animate("crouch", 0.0, seconds)
        self.timeline.animate("side_bend", 0.0, seconds)
        self.timeline.animate("twist", 0.0, seconds)

    def move_both_hands(self, target: HandTarget, seconds: float) -> None:
        """Move both hands to the same kind of target."""
        for side in (0, 1):
            self.timeline.move_hand(side, target, seconds)

    def lower_arm(self, side: int, seconds: float) -> None:
        """Let an arm hang and swing."""
        self.timeline.move_hand(side, ArmSwing(), seconds)

    def rest_arm(self, side: int, seconds: float) -> None:
        """Let the arm that does not work hang, or rest it on the hip or before the body."""
        w = self.worker
        targets: tuple[HandTarget, ...] = (
            ArmSwing(),
            ChestTarget(0.0, w.half_hip_width + 0.10, -w.trunk * 0.92),
            ChestTarget(0.12, 0.28, -w.trunk * 0.85),
        )
        self.timeline.move_hand(side, targets[self.choose(3, 1, 1)], seconds)

    # --- idle gestures --------------------------------------------------------------------------------------

    def idle_gesture(self) -> None:
        """Perhaps add a gesture that is neither part of an action nor abnormal; both hands are free."""
        if self.rng.random() > 0.4:
            return
        gestures = (self._look_around, self._scratch_head, self._hands_on_hips, self._wipe_face, self._pause)
        gestures[self.choose(3, 2, 1.5, 1.5, 2)]()

    def glance_aside(self) -> None:
        """Turn the head aside for a moment; the hands go on."""
        turn = float(self.rng.uniform(0.3, 0.9)) * (1 if self.rng.random() < 0.5 else -1)
        self.timeline.animate("head_yaw", turn, 0.45)
        self.timeline.animate("head_yaw", 0.0, 0.5, after=self.duration(0.9))

    def _look_around(self) -> None:
        for sign in self.rng.permutation([-1.0, 1.0]):
            angle = float(sign * self.rng.uniform(0.5, 1.1))
            self.timeline.animate("head_yaw", angle, 0.5)
            self.timeline.animate("twist", 0.35 * angle, 0.6)
            self.timeline.wait(self.duration(0.8))
        self.timeline.animate("head_yaw", 0.0, 0.5)
        self.timeline.animate("twist", 0.0, 0.6)

    def _scratch_head(self) -> None:
        side = self.working_hand()
        self._hand_to_head(side, HeadTarget(0.02, 0.10, float(self.rng.uniform(0.0, 0.12))))
        self.timeline.animate("head_pitch", 0.2, 0.6)
        self.timeline.wait(self.duration(2.0))
        self._hand_from_head(side)
        self.timeline.animate("head_pitch", 0.0, 0.6)

    def _hand_to_head(self, side: int, target: HeadTarget) -> None:
        """Raise a hand to the head in front of the chest, not past the shoulder."""
        seconds = self.duration(0.6)
        self.timeline.move_hand(side, BEFORE_CHEST, seconds)
        self.timeline.move_hand(side, target, seconds, after=0.6 * seconds)

    def _hand_from_head(self, side: int) -> None:
        seconds = self.duration(0.6)
        self.timeline.move_hand(side, BEFORE_CHEST, seconds)
        self.timeline.move_hand(side, ArmSwing(), seconds, after=0.6 * seconds)

    def _wipe_face(self) -> None:
        side = self.working_hand()
        self._hand_to_head(side, HeadTarget(0.14, 0.03, 0.06, 0.01))
        self.timeline.wait(self.duration(1.6))
        self._hand_from_head(side)

    def _hands_on_hips(self) -> None:
        w = self.worker
        self.move_both_hands(ChestTarget(-0.02, w.half_hip_width + 0.10, -w.trunk * 0.92), self.duration(0.7))
        self.timeline.wait(self.duration(1.7))
        self.move_both_hands(ArmSwing(), self.duration(0.7))

    def _pause(self) -> None:
        self.timeline.animate("side_bend", float(self.rng.uniform(-0.06, 0.06)), 0.8)
        self.timeline.wait(self.duration(1.3))
        self.timeline.animate("side_bend", 0.0, 0.8)

"""The worker at work: small skills of which the works are made, and the habits that mean nothing."""

from dataclasses import dataclass, field

import numpy as np

from skelmap.simulation.body import Worker
from skelmap.simulation.hands import Grip, Hang, Hold, Touch
from skelmap.simulation.posture import reach_posture
from skelmap.simulation.scene import FLOOR, Point, Workshop
from skelmap.simulation.timeline import Timeline

REACH_SECONDS = 0.85
"""Duration of a reach with a lean of the trunk at average tempo, s (Kaminski et al. 1995: 0.8 to 1)."""
RUN_FACTOR = 2.0
"""Jogging speed over the worker's walking speed: about 2.3 m/s, clear of the walk-run transition at 2 m/s (Hreljac
1993)."""

BEFORE_CHEST = Hold(0.30, 0.20, -0.22)
"""Where a hand passes on its way between hanging and the head."""


@dataclass
class Performer:
    """A worker in a workshop, with the record of what was done.

    Attributes:
        worker: who works.
        shop: where.
        rng: source of all variation.
        timeline: what is done.
        abnormal: (start, stop) s of what is abnormal.
        works: (name, start, stop) s of what is done when.
    """

    worker: Worker
    shop: Workshop
    rng: np.random.Generator
    timeline: Timeline
    abnormal: list[tuple[float, float]] = field(default_factory=list)
    works: list[tuple[str, float, float]] = field(default_factory=list)

    def vary(self, mean: float, share: float = 0.08) -> float:
        """A positive number near a mean, as people vary from one time to the next."""
        return float(mean * np.exp(share * np.clip(self.rng.normal(), -2.0, 2.0)))

    def seconds(self, mean: float, share: float = 0.12) -> float:
        """A duration: the worker's tempo, and variation from time to time."""
        return self.vary(mean, share) / self.worker.tempo

    def choose(self, *chances: float) -> int:
        """Draw an index with the given chances."""
        return int(np.searchsorted(np.cumsum(chances), self.rng.random() * sum(chances), side="right"))

    def main_hand(self, strict: bool = False) -> int:
        """The hand that works: mostly the preferred one; 0 = right."""
        main = self.worker.right_is_main
        return main if strict or self.rng.random() < 0.85 else 1 - main

    # --- moving ---------------------------------------------------------------------------------------------

    def walk(self, goal: Point, facing: float, run: bool = False) -> None:
        """Go somewhere, round what stands in the way; running is marked as abnormal."""
        speed = self.vary(self.worker.walk_speed, 0.07) * (RUN_FACTOR if run else 1.0)
        began = self.timeline.now
        self.timeline.go(self.shop.way(self.timeline.place, goal), facing, speed, run)
        if run:
            self.abnormal.append((began, self.timeline.now))

    def stand_before(self, place: Point, gap: float, spread: float = 0.35) -> tuple[Point, float]:
        """Choose where to stand to work at a place: on the side one comes from, within the floor, not in the way.

        Args:
            place: what to work at, m.
            gap: distance to it, m.
            spread: how far round it one may go, rad to either side.

        Returns:
            Where to stand and the heading towards the place.
        """
        x, y = self.timeline.place
        coming = float(np.arctan2(y - place[1], x - place[0]))
        (x0, x1), (y0, y1) = FLOOR
        for width in (spread, 1.0, 2.0, np.pi, np.pi):
            for _ in range(12):
                angle = coming + float(self.rng.uniform(-width, width))
                spot = (place[0] + gap * float(np.cos(angle)), place[1] + gap * float(np.sin(angle)))
                inside = x0 <= spot[0] <= x1 and y0 <= spot[1] <= y1
                if inside and not self.shop.stands_in(spot, place):
                    return spot, angle + np.pi
        return (place[0], place[1] + gap), -np.pi / 2

    def bend_to(self, forward: float, height: float, seconds: float, after: float = 0.0) -> None:
        """Lean and crouch so that the hands reach a height in front."""
        lean, crouch = reach_posture(self.worker, forward, height)
        more_legs = float(np.clip(self.worker.squat + 0.08 * self.rng.normal(), -0.25, 0.5))
        self.timeline.shift("lean", max(lean * (1 - 0.35 * more_legs), 0.0), seconds, after)
        self.timeline.shift("crouch", min(crouch + 0.12 * lean * max(more_legs, 0), 0.45), seconds, after)

    def straighten(self, seconds: float, lean: float = 0.0) -> None:
        """Stand up."""
        self.timeline.shift("lean", lean, seconds)
        self.timeline.shift("crouch", 0.0, seconds)
        self.timeline.shift("bend", 0.0, seconds)
        self.timeline.shift("twist", 0.0, seconds)

    def both(self, grip: Grip, seconds: float) -> None:
        """Both hands go over to a grip."""
        for side in (0, 1):
            self.timeline.hand(side, grip, seconds)

    def free(self, side: int, seconds: float) -> None:
        """Let an arm hang."""
        self.timeline.hand(side, Hang(), seconds)

    # --- habits ---------------------------------------------------------------------------------------------

    def habit(self, chance: float = 0.4) -> None:
        """Perhaps do something that is neither work nor unusual; both hands are free."""
        if self.rng.random() > chance:
            return
        (self._look_round, self._scratch, self._hands_on_hips, self._wipe, self._wait)[self.choose(3, 2, 1.5, 1.5, 2)]()

    def glance(self) -> None:
        """Look aside for a moment, whatever the hands do."""
        turn = float(self.rng.uniform(0.3, 0.9)) * (1 if self.rng.random() < 0.5 else -1)
        self.timeline.shift("head_yaw", turn, 0.45)
        self.timeline.shift("head_yaw", 0.0, 0.5, after=self.seconds(0.9))

    def _look_round(self) -> None:
        for sign in self.rng.permutation([-1.0, 1.0]):
            angle = float(sign * self.rng.uniform(0.5, 1.1))
            self.timeline.shift("head_yaw", angle, 0.5)
            self.timeline.shift("twist", 0.35 * angle, 0.6)
            self.timeline.stay(self.seconds(0.8))
        self.timeline.shift("head_yaw", 0.0, 0.5)
        self.timeline.shift("twist", 0.0, 0.6)

    def _scratch(self) -> None:
        side = self.main_hand()
        self._to_head(side, Touch(0.02, 0.10, float(self.rng.uniform(0.0, 0.12))))
        self.timeline.shift("head_pitch", 0.2, 0.6)
        self.timeline.stay(self.seconds(2.0))
        self._from_head(side)
        self.timeline.shift("head_pitch", 0.0, 0.6)

    def _to_head(self, side: int, grip: Touch) -> None:
        """The hand goes up in front of the chest, not past the shoulder."""
        seconds = self.seconds(0.6)
        self.timeline.hand(side, BEFORE_CHEST, seconds)
        self.timeline.hand(side, grip, seconds, after=0.6 * seconds)

    def _from_head(self, side: int) -> None:
        seconds = self.seconds(0.6)
        self.timeline.hand(side, BEFORE_CHEST, seconds)
        self.timeline.hand(side, Hang(), seconds, after=0.6 * seconds)

    def _wipe(self) -> None:
        side = self.main_hand()
        self._to_head(side, Touch(0.14, 0.03, 0.06, 0.01))
        self.timeline.stay(self.seconds(1.6))
        self._from_head(side)

    def _hands_on_hips(self) -> None:
        w = self.worker
        self.both(Hold(-0.02, w.hip + 0.10, -w.trunk * 0.92), self.seconds(0.7))
        self.timeline.stay(self.seconds(1.7))
        self.both(Hang(), self.seconds(0.7))

    def _wait(self) -> None:
        self.timeline.shift("bend", float(self.rng.uniform(-0.06, 0.06)), 0.8)
        self.timeline.stay(self.seconds(1.3))
        self.timeline.shift("bend", 0.0, 0.8)

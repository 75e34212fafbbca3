"""Pictures for people: the skeletons, the score over time, and a banner while an alarm lasts."""

import math
from collections import deque
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.alarms import AlarmRule
from skelmap.monitor.sight import Sight
from skelmap.monitor.watch import Verdict
from skelmap.poses import Layout, with_neck

SECONDS = 10.0
"""Of scores that the curve shows."""
STRIP = 90
"""Height of the strip with the curve, px."""
WHITE, GREY, RED, AMBER = (235, 235, 235), (120, 120, 120), (60, 60, 230), (60, 190, 250)
FONT = cv2.FONT_HERSHEY_SIMPLEX
Picture = NDArray[np.uint8]


class Overlay:
    """Draws what a monitor says, frame by frame.

    Args:
        name: of the source.
        layout: of the keypoints.
        rule: of the alarms, or None.
        over_picture: draw over the camera's picture; otherwise skeletons alone, so that nobody's face is shown.
    """

    def __init__(self, name: str, layout: Layout, rule: AlarmRule | None, over_picture: bool = False) -> None:
        self.name, self.layout, self.rule, self.over_picture = name, layout, rule, over_picture
        self._curve: deque[tuple[float, float, bool]] = deque()  # seconds, score, whether an alarm lasted
        self._named: dict[int, tuple[str, ...]] = {}  # joints that each person's alarm named when it was raised
        self._top = -math.inf
        self._bottom = math.inf

    def draw(self, verdict: Verdict) -> Picture:
        """Draw a frame with the strip below, (H + 90, W, 3) BGR."""
        sight = verdict.sight
        width, height = sight.size
        picture = np.zeros((height + STRIP, width, 3), np.uint8)
        if self.over_picture and sight.picture is not None:
            picture[:height] = sight.picture
        raised = {event.person: event.joints for event in verdict.events if not event.ended}
        self._named = {number: joints for number, joints in (self._named | raised).items() if number in verdict.alarmed}
        self._skeletons(picture, sight, verdict.alarmed)
        cv2.rectangle(picture, (0, height), (width, height + STRIP), (24, 24, 24), -1)
        self._score_curve(picture[height:], verdict)
        if verdict.alarmed:
            people = "; ".join(map(self._who, sorted(verdict.alarmed)))
            cv2.rectangle(picture, (0, 0), (width, 34), RED, -1)
            _write(picture, f"ALARM  {people}", (10, 23), WHITE, 0.6)
        _write(picture, f"{self.name}  {sight.time:7.2f} s", (10, height - 10), GREY, 0.45)
        return picture

    def _who(self, number: int) -> str:
        """Name a person and the joints for which there is an alarm."""
        joints = ", ".join(self._named.get(number, ())).replace("_", " ")
        return f"person {number}" + (f": {joints}" if joints else "")

    def _skeletons(self, picture: Picture, sight: Sight, alarmed: frozenset[int]) -> None:
        for number, points in zip(sight.person.tolist(), with_neck(sight.keypoints, self.layout), strict=True):
            seen = points[:, 2] > 0
            if not seen.any():
                continue
            places = np.round(np.where(seen[:, None], points[:, :2], 0)).astype(int).tolist()
            colour = RED if number in alarmed else WHITE
            for a, b in self.layout.limbs:
                if seen[a] and seen[b]:
                    cv2.line(picture, places[a], places[b], colour, 3, cv2.LINE_AA)
            for joint in map(self.layout.joints.index, self._named.get(number, ())):
                if seen[joint]:
                    cv2.circle(picture, places[joint], 8, AMBER, 2, cv2.LINE_AA)
            x, y = points[seen, :2].min(axis=0)
            _write(picture, str(number), (int(x), max(int(y) - 8, 12)), colour, 0.5)

    def _score_curve(self, strip: Picture, verdict: Verdict) -> None:
        """Draw the highest score of each frame over the last seconds, and the threshold."""
        now = verdict.sight.time
        scores = [scored.score for scored in verdict.scores if math.isfinite(scored.score)]
        if scores:
            self._curve.append((now, max(scores), bool(verdict.alarmed)))
        while self._curve and self._curve[0][0] < now - SECONDS:
            self._curve.popleft()
        shown = [score for _, score, _ in self._curve] + ([self.rule.on] if self.rule else [])
        if not shown:
            _write(strip, "no score yet", (10, 20), GREY, 0.45)
            return
        self._bottom, self._top = min(self._bottom, *shown), max(self._top, *shown)
        height, width = strip.shape[:2]
        span = max(self._top - self._bottom, 1e-12)

        def place(time: float, score: float) -> tuple[int, int]:
            x = (width - 1) * (1 - (now - time) / SECONDS)
            return round(x), round(8 + (height - 16) * (1 - (score - self._bottom) / span))

        if self.rule:
            left, right = place(now - SECONDS, self.rule.on), place(now, self.rule.on)
            cv2.line(strip, left, right, AMBER, 1)
            _write(strip, "threshold", (left[0] + 4, left[1] - 4 if left[1] > 16 else left[1] + 14), AMBER, 0.4)
        for (time, score, _), (then, next_score, alarmed) in pairwise(self._curve):
            if then - time < 1:  # a gap is a gap
                colour = RED if alarmed else WHITE
                cv2.line(strip, place(time, score), place(then, next_score), colour, 2, cv2.LINE_AA)
        if self._curve:
            _write(strip, f"{self._curve[-1][1]:.4g}", (width - 84, height - 8), WHITE, 0.45)


def _write(picture: Picture, text: str, place: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    cv2.putText(picture, text, place, FONT, size, colour, 1, cv2.LINE_AA)

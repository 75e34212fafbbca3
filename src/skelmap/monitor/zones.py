"""Zones of a camera's image: forbidden, required, or the only ones that are watched."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from skelmap.evaluation.alarms import AlarmRule, AlarmTracker
from skelmap.monitor.sources import PoseFrame
from skelmap.monitor.stream import Event
from skelmap.skeletons.layouts import Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_yaml
from skelmap.utils.schema import STRICT, validate

ZONES_FILE = "zones.yaml"
FEET, HANDS = ("left_ankle", "right_ankle"), ("left_wrist", "right_wrist")
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Corner = Annotated[list[Share], Field(min_length=2, max_length=2, description="x and y as shares of the image, 0 to 1")]


class Zone(BaseModel):
    """Polygon in the image.

    Attributes:
        name: unique among the camera's zones.
        kind: forbidden: alarm if a foot or hand is in it; required: alarm if the feet are in none of the required
            zones; watched: people whose feet are in none of the watched zones are not scored.
        seconds: how long it must last until the alarm.
        polygon: 3 or more corners, (x, y) as shares of the image's width and height.
    """

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=50)]
    kind: Literal["forbidden", "required", "watched"]
    seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 1.0
    polygon: Annotated[list[Corner], Field(min_length=3, max_length=100)]


def check_zones(entries: Any) -> list[Zone]:
    """Check zones, and convert them.

    Args:
        entries: list of dictionaries with the attributes of `Zone`.

    Raises:
        UserError: naming the zone and what is wrong: a corner outside the image, sides that cross, two equal names.
    """
    if not isinstance(entries, list):
        raise UserError("zones: not a list of zones")
    zones: list[Zone] = []
    for number, entry in enumerate(entries):
        where = f"zones.{number}" if not isinstance(entry, dict) else f"zone {entry.get('name', number)!r}"
        if not isinstance(entry, dict):
            raise UserError(f"{where}: not a zone with name, kind, seconds and polygon")
        validate(Zone, entry, where)
        zone = Zone.model_validate(entry)
        if zone.name in (other.name for other in zones):
            raise UserError(f"{where}: there are two zones of this name")
        if _crosses_itself(zone.polygon):
            raise UserError(f"{where}: its sides cross each other or lie on one line; draw the corners in their order")
        zones.append(zone)
    return zones


def read_zones(path: Path) -> list[Zone]:
    """Read zones; an empty list if there is no such file.

    Raises:
        UserError: the file is damaged, or a zone is not valid.
    """
    if not path.exists():
        return []
    try:
        return check_zones(read_yaml(path).get("zones", []))
    except UserError as error:
        text = str(error)
        raise UserError(text if text.startswith(str(path)) else f"{path}: {text}") from error


def write_zones(path: Path, zones: Sequence[Zone]) -> None:
    """Write zones.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(path) as file:
        yaml.safe_dump({"zones": [zone.model_dump() for zone in zones]}, file, sort_keys=False, allow_unicode=True)


class ZoneTracker:
    """Raises alarms of people in forbidden zones and outside required ones.

    Args:
        zones: of the camera.
        layout: of the keypoints.
    """

    def __init__(self, zones: Sequence[Zone], layout: Layout) -> None:
        self.zones, self.layout = list(zones), layout
        self._alarms: dict[tuple[int, str], AlarmTracker] = {}

    def watched(self, frame: PoseFrame) -> PoseFrame:
        """Leave out the people who are in no watched zone; all stay if there is none."""
        zones = [zone for zone in self.zones if zone.kind == "watched"]
        if not zones:
            return frame
        inside = [any(_is_inside(zone, points, frame.size) for zone in zones) for points in self._feet(frame)]
        keep = np.array(inside, bool)
        return replace(frame, keypoints=frame.keypoints[keep], person_ids=frame.person_ids[keep])

    def update(self, frame: PoseFrame) -> tuple[Event, ...]:
        """Process a frame; give the alarms that are raised or have ended."""
        events: list[Event] = []
        required = [zone for zone in self.zones if zone.kind == "required"]
        for person, feet, hands in zip(
            frame.person_ids.tolist(), self._feet(frame), self._points(frame, HANDS), strict=True
        ):
            for zone in self.zones:
                if zone.kind == "forbidden":
                    is_wrong = _is_inside(zone, [*feet, *hands], frame.size)
                    events += self._score(person, zone, frame.time, is_wrong)
            if required and feet:
                is_wrong = not any(_is_inside(zone, feet, frame.size) for zone in required)
                events += self._score(person, required[0], frame.time, is_wrong)
        return (*events, *self.advance_to(frame.time))

    def advance_to(self, time: float) -> tuple[Event, ...]:
        """End the alarms of people who are gone; `time` in seconds of the stream."""
        return self._ended({key: tracker.advance_to(time) for key, tracker in self._alarms.items()})

    def finish(self) -> tuple[Event, ...]:
        """End all alarms."""
        return self._ended({key: tracker.stop() for key, tracker in self._alarms.items()})

    @property
    def alarmed(self) -> frozenset[int]:
        """People with an active alarm of a zone."""
        return frozenset(person for (person, _), tracker in self._alarms.items() if tracker.alarm)

    def _score(self, person: int, zone: Zone, time: float, is_wrong: bool) -> list[Event]:
        key = (person, zone.name)
        if not is_wrong and key not in self._alarms:
            return []
        tracker = self._alarms.setdefault(key, AlarmTracker(AlarmRule(1.0, 1.0, zone.seconds)))
        ended = tracker.update(time, float(is_wrong))
        events = [Event(person, ended, (), True, zone=zone.name)] if ended else []
        if tracker.alarm and tracker.alarm.raised == time:
            events.append(Event(person, tracker.alarm, (), False, zone=zone.name))
        return events

    def _ended(self, alarms: dict[tuple[int, str], Any]) -> tuple[Event, ...]:
        for key, tracker in list(self._alarms.items()):
            if not tracker.alarm and not tracker.pending:
                del self._alarms[key]
        return tuple(Event(person, alarm, (), True, zone=zone) for (person, zone), alarm in alarms.items() if alarm)

    def _feet(self, frame: PoseFrame) -> list[list[NDArray[np.float32]]]:
        """Ankles of each person; without any, the middle of the lower edge of the person's box."""
        feet = self._points(frame, FEET)
        for number, keypoints in enumerate(frame.keypoints):
            detected = keypoints[keypoints[:, 2] > 0, :2]
            if not feet[number] and len(detected):
                low, high = detected.min(axis=0), detected.max(axis=0)
                feet[number] = [np.array([(low[0] + high[0]) / 2, high[1]], np.float32)]
        return feet

    def _points(self, frame: PoseFrame, joints: Sequence[str]) -> list[list[NDArray[np.float32]]]:
        """Detected joints of each person, (x, y) px."""
        index = [self.layout.joints.index(joint) for joint in joints]
        return [[point[:2] for point in keypoints[index] if point[2] > 0] for keypoints in frame.keypoints]


class ZoneFile:
    """Zones in a file that may change while a monitor runs.

    Args:
        path: the file.

    Attributes:
        zones: the newest valid ones.
        error: why the file is not used; empty if it is.

    Raises:
        UserError: the zones are not valid at the start.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.error = path, ""
        self._stamp = self._state()
        self.zones = read_zones(path)

    def has_changed(self) -> bool:
        """Read the file again if it is another one; whether the zones have changed."""
        stamp = self._state()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.zones, self.error = read_zones(self.path), ""
        except UserError as error:
            self.error = f"{error}; the earlier zones hold"
            return False
        return True

    def _state(self) -> tuple[int, int]:
        try:
            stat = self.path.stat()
        except OSError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_size


def _is_inside(zone: Zone, points: Sequence[NDArray[np.float32]], size: tuple[int, int]) -> bool:
    polygon = (np.array(zone.polygon) * size).astype(np.float32)
    return any(cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in points)


def _crosses_itself(polygon: Sequence[Sequence[float]]) -> bool:
    """Whether two sides that are not neighbours meet, or the polygon has no area."""
    corners = [np.array(corner) for corner in polygon]
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    if cv2.contourArea(np.array(polygon, np.float32)) < 1e-6:
        return True
    for (i, (a, b)), (j, (c, d)) in combinations(enumerate(sides), 2):
        if j - i in (1, len(sides) - 1):
            continue
        if _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0:
            return True
    return False


def _side(a: NDArray[np.float64], b: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    """On which side of the line from a to b a point lies: sign."""
    return float(np.sign((b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])))

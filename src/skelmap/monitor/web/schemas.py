"""JSON objects of the API."""

from typing import Annotated

from pydantic import BaseModel, Field

from skelmap.monitor.web.alarm_index import Verdict
from skelmap.monitor.web.cameras import CameraState
from skelmap.monitor.zones import Zone

MAX_NOTE = 2000
"""Longest note of a review, characters."""


class Person(BaseModel):
    """Person in view."""

    person: int
    window: Annotated[float, Field(description="how full the window is, 0 to 1; only full windows have scores")]
    score: float | None
    alarm: bool


class CameraStatus(BaseModel):
    """State of a camera."""

    name: str
    source: str
    state: CameraState
    since: Annotated[str, Field(description="time of the newest heartbeat, ISO 8601, UTC")]
    active_alarms: list[str]
    people: list[Person]
    errors: list[str]
    frames: int
    seconds: float
    latency_ms: float | None


class AlarmRecord(BaseModel):
    """Alarm; times are seconds of the stream, `clock` is the wall-clock time of its start (cameras)."""

    camera: str
    id: str
    source: str
    person: int
    state: str
    start: float
    end: float
    raised: float
    peak: float
    peak_at: float
    threshold: float
    joints: list[str]
    zone: Annotated[str, Field(description="zone that raised it; empty for the model")] = ""
    clock: str
    evidence: Annotated[list[str], Field(description="which of film, still and clip are kept")]
    verdict: Verdict | None
    note: str
    reviewed: str


class Health(BaseModel):
    """Whether all cameras are watched."""

    ok: bool
    version: str
    cameras: dict[str, CameraState]


class Review(BaseModel):
    """Review of an alarm."""

    verdict: Verdict
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class Zones(BaseModel):
    """Zones of a camera, see `skelmap.monitor.zones`."""

    zones: list[Zone]

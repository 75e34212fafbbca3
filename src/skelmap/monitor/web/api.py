"""JSON API of cameras, alarms and health, with the page's files; OpenAPI at /api/openapi.json."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from fastapi import Body, FastAPI, HTTPException, Query
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from skelmap import __version__
from skelmap.monitor.web.access import LOOPBACK
from skelmap.monitor.web.alarm_index import Verdict
from skelmap.monitor.web.cameras import CameraFolder, Cameras, CameraState
from skelmap.monitor.web.live import LiveState
from skelmap.utils.errors import UserError

MAX_VIEWERS = 16
"""Streams at a time."""
UPDATES_PER_SECOND = 15
MAX_NOTE = 2000
"""Longest note of a review, characters."""
FILES = {"/": "page.html", "/page.js": "page.js", "/page.css": "page.css"}
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


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
    clock: str
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


def create_app(cameras: Cameras) -> FastAPI:
    """Create the application.

    Args:
        cameras: whose state and alarms are served.
    """
    app = FastAPI(title="skelmap", version=__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    viewers = threading.Semaphore(MAX_VIEWERS)

    @app.exception_handler(UserError)
    async def not_found(request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=404)

    for path, name in FILES.items():
        app.add_api_route(path, _file_route(name), include_in_schema=False)

    @app.get("/api/health", responses={503: {"model": Health}})
    def health(response: Response) -> Health:
        """Whether all cameras are watched; status 503 if one is lost."""
        states = {camera.name: camera.status()["state"] for camera in cameras.all()}
        ok = bool(states) and "lost" not in states.values()
        response.status_code = 200 if ok else 503
        return Health(ok=ok, version=__version__, cameras=states)

    @app.get("/api/cameras")
    def list_cameras() -> list[CameraStatus]:
        """State of all cameras, by name."""
        return [CameraStatus(**camera.status()) for camera in cameras.all()]

    @app.get("/api/cameras/{camera}")
    def get_camera(camera: str) -> CameraStatus:
        """State of one camera."""
        return CameraStatus(**cameras.get(camera).status())

    @app.get("/api/events")
    def list_events(
        camera: str | None = None,
        verdict: Verdict | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[AlarmRecord]:
        """Alarms of one camera, or of all cameras in turn; the newest of each camera first."""
        chosen = [cameras.get(camera)] if camera else cameras.all()
        records = [_record(one, alarm) for one in chosen for alarm in one.alarms.alarms(limit, verdict)]
        return sorted(records, key=lambda record: record.clock, reverse=True)[:limit]  # stable: recordings keep order

    @app.put("/api/cameras/{camera}/alarms/{alarm}/review")
    def review_alarm(camera: str, alarm: str, review: Annotated[Review, Body()]) -> AlarmRecord:
        """Mark an alarm as right, false or unsure, with a note."""
        one = cameras.get(camera)
        return _record(one, one.alarms.review(alarm, review.verdict, review.note))

    @app.get("/api/cameras/{camera}/stream", responses={200: {"content": {"text/event-stream": {}}}})
    def stream(camera: str) -> StreamingResponse:
        """Skeletons, scores and errors as server-sent events, up to 15 a second."""
        one = cameras.get(camera)
        if not viewers.acquire(blocking=False):
            raise HTTPException(503, f"there are {MAX_VIEWERS} viewers already")
        states = _states(one.live, viewers) if one.live else _relayed(one, viewers)
        return StreamingResponse(states, media_type="text/event-stream")

    return app


def _file_route(name: str) -> Any:
    path = Path(str(files("skelmap.monitor.web") / "static" / name))

    def send() -> FileResponse:
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])

    return send


def _record(camera: CameraFolder, alarm: dict[str, Any]) -> AlarmRecord:
    return AlarmRecord(camera=camera.name, **alarm)


async def _states(live: LiveState, viewers: threading.Semaphore) -> AsyncIterator[str]:
    """Yield each state of a monitor in this process, at least one a second, until it has ended."""
    version, idle, closed = -1, 0, False
    try:
        while not closed:
            closed = live.closed  # read before the state, so that the last state is sent
            if live.version != version or idle >= UPDATES_PER_SECOND:
                state = live.state(with_curve=version < 0)
                version, idle = live.version, 0
                yield f"data: {json.dumps(state)}\n\n"
            idle += 1
            await asyncio.sleep(1 / UPDATES_PER_SECOND)
    finally:
        viewers.release()


def _relayed(camera: CameraFolder, viewers: threading.Semaphore) -> Iterator[bytes]:
    """Pass on the stream of a monitor in another process, whose page's address stands in its heartbeat."""
    try:
        page = str(camera.heartbeat().get("page", ""))
        if urlsplit(page).hostname not in LOOPBACK:
            yield b'data: {"errors": ["no live picture: the monitor has no page on this machine"]}\n\n'
            return
        with _opened(page, camera.name) as response:
            yield from response
    except (URLError, OSError, ValueError):
        return  # the browser sees the end of the stream, and connects again
    finally:
        viewers.release()


@contextmanager
def _opened(page: str, name: str) -> Iterator[Any]:
    with urlopen(f"{page}api/cameras/{name}/stream", timeout=10) as response:
        yield response

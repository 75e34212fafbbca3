"""JSON API of cameras, alarms and health, with the page's files; OpenAPI at /api/openapi.json."""

import threading
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Query
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.requests import Request

from skelmap import __version__
from skelmap.monitor.web.alarm_index import Verdict
from skelmap.monitor.web.cameras import CameraFolder, Cameras
from skelmap.monitor.web.schemas import AlarmRecord, CameraStatus, Health, Review, Zones
from skelmap.monitor.web.streams import relay_states, stream_states, take_still
from skelmap.monitor.zones import check_zones, read_zones, write_zones
from skelmap.utils.errors import UserError

MAX_VIEWERS = 16
"""Streams at a time."""
FILES = {"/": "page.html", "/page.js": "page.js", "/zones.js": "zones.js", "/page.css": "page.css"}
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"} | {
    ".webm": "video/webm",
    ".jpg": "image/jpeg",
    ".npz": "application/octet-stream",
}
router = APIRouter(prefix="/api")


def create_app(cameras: Cameras) -> FastAPI:
    """Create the application.

    Args:
        cameras: whose state and alarms are served.
    """
    app = FastAPI(title="skelmap", version=__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.cameras, app.state.viewers = cameras, threading.Semaphore(MAX_VIEWERS)
    app.add_exception_handler(UserError, _not_found)
    for path, name in FILES.items():
        app.add_api_route(path, _file_route(name), include_in_schema=False)
    app.include_router(router)
    return app


def _cameras(request: Request) -> Cameras:
    cameras: Cameras = request.app.state.cameras
    return cameras


def _camera(request: Request, camera: str) -> CameraFolder:
    return _cameras(request).get(camera)


AllCameras = Annotated[Cameras, Depends(_cameras)]
OneCamera = Annotated[CameraFolder, Depends(_camera)]


@router.get("/health", responses={503: {"model": Health}})
def health(cameras: AllCameras, response: Response) -> Health:
    """Whether all cameras are watched; status 503 if one is lost."""
    states = {camera.name: camera.status()["state"] for camera in cameras.all()}
    ok = bool(states) and "lost" not in states.values()
    response.status_code = 200 if ok else 503
    return Health(ok=ok, version=__version__, cameras=states)


@router.get("/cameras")
def list_cameras(cameras: AllCameras) -> list[CameraStatus]:
    """State of all cameras, by name."""
    return [CameraStatus(**camera.status()) for camera in cameras.all()]


@router.get("/cameras/{camera}")
def get_camera(camera: OneCamera) -> CameraStatus:
    """State of one camera."""
    return CameraStatus(**camera.status())


@router.get("/events")
def list_events(
    cameras: AllCameras,
    camera: str | None = None,
    verdict: Verdict | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[AlarmRecord]:
    """Alarms of one camera or of all, the newest first."""
    chosen = [cameras.get(camera)] if camera else cameras.all()
    records = [_record(one, alarm) for one in chosen for alarm in one.alarms.alarms(limit, verdict)]
    return sorted(records, key=lambda record: record.clock, reverse=True)[:limit]  # stable: recordings keep order


@router.get("/cameras/{camera}/alarms/{alarm}/{kind}", response_class=FileResponse)
def get_evidence(camera: OneCamera, alarm: str, kind: Literal["film", "still", "clip"]) -> FileResponse:
    """Film (WebM), still (JPEG) or clip archive (.npz) of an alarm."""
    path = camera.evidence(camera.alarms.alarm(alarm)["id"]).get(kind)
    if path is None:
        raise UserError(f"alarm {alarm!r} of camera {camera.name} has no {kind}: none was kept, or it was deleted")
    return FileResponse(
        path, media_type=MEDIA_TYPES[path.suffix], filename=path.name, content_disposition_type="inline"
    )


@router.put("/cameras/{camera}/alarms/{alarm}/review")
def review_alarm(camera: OneCamera, alarm: str, review: Annotated[Review, Body()]) -> AlarmRecord:
    """Mark an alarm as right, false or unsure, with a note."""
    return _record(camera, camera.alarms.review(alarm, review.verdict, review.note))


@router.get("/cameras/{camera}/still", response_class=Response)
def get_still(camera: OneCamera) -> Response:
    """Newest image of a camera as JPEG, to draw zones over; 404 unless `save_camera_image=true`."""
    image = take_still(camera)
    if image is None:
        raise UserError(f"camera {camera.name} shows no images (save_camera_image=true)")
    return Response(image, media_type="image/jpeg")


@router.get("/cameras/{camera}/zones")
def get_zones(camera: OneCamera) -> Zones:
    """Zones of a camera."""
    return Zones(zones=read_zones(camera.zones_file))


@router.put("/cameras/{camera}/zones")
def put_zones(camera: OneCamera, zones: Annotated[dict[str, Any], Body()]) -> Zones:
    """Replace the zones of a camera; its monitor takes them at the next frame."""
    try:
        checked = check_zones(zones.get("zones"))
    except UserError as error:
        raise HTTPException(422, str(error)) from error
    write_zones(camera.zones_file, checked)
    return Zones(zones=checked)


@router.get("/cameras/{camera}/stream", responses={200: {"content": {"text/event-stream": {}}}})
def stream(camera: OneCamera, request: Request) -> StreamingResponse:
    """Skeletons, scores and errors as server-sent events, up to 15 a second."""
    viewers: threading.Semaphore = request.app.state.viewers
    if not viewers.acquire(blocking=False):
        raise HTTPException(503, f"there are {MAX_VIEWERS} viewers already")
    states = stream_states(camera.live, viewers) if camera.live else relay_states(camera, viewers)
    return StreamingResponse(states, media_type="text/event-stream")


async def _not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


def _file_route(name: str) -> Any:
    path = Path(str(files("skelmap.monitor.web") / "static" / name))

    def send() -> FileResponse:
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])

    return send


def _record(camera: CameraFolder, alarm: dict[str, Any]) -> AlarmRecord:
    return AlarmRecord(camera=camera.name, evidence=list(camera.evidence(alarm["id"])), **alarm)

"""Cameras of a site: the output folders of monitors, each with heartbeat.json and events.jsonl."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from skelmap.monitor.event_log import EVENTS_FILE
from skelmap.monitor.evidence import CLIP, EVIDENCE_FOLDER, FILM, STILL
from skelmap.monitor.sinks import HEARTBEAT_FILE
from skelmap.monitor.web.alarm_index import AlarmIndex
from skelmap.monitor.web.live import LiveState
from skelmap.monitor.zones import ZONES_FILE
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_json_object

EVIDENCE = {"film": FILM, "still": STILL, "clip": CLIP}
"""Suffix of the file by kind."""
OLD_SECONDS = 20.0
"""A monitor whose heartbeat is older hangs, or has been killed."""
CameraState = Literal["watching", "error", "lost", "ended"]


class CameraFolder:
    """Output folder of one monitor.

    Args:
        folder: the folder.
        live: state of the monitor, if it runs in this process.

    Attributes:
        name: of the folder, by which the API names the camera.
        alarms: its alarms and reviews.
    """

    def __init__(self, folder: Path, live: LiveState | None = None) -> None:
        self.folder, self.live, self.name = folder, live, folder.resolve().name
        self.alarms = AlarmIndex(folder)

    def heartbeat(self) -> dict[str, Any]:
        """Content of heartbeat.json; empty if it is missing or damaged."""
        try:
            return read_json_object(self.folder / HEARTBEAT_FILE)
        except UserError:
            return {}

    def evidence(self, identity: str) -> dict[str, Path]:
        """Files of an alarm that are still kept, by their kind: film, still, clip."""
        paths = {kind: self.folder / EVIDENCE_FOLDER / f"{identity}{suffix}" for kind, suffix in EVIDENCE.items()}
        return {kind: path for kind, path in paths.items() if Path(identity).name == identity and path.is_file()}

    @property
    def zones_file(self) -> Path:
        """File of the zones, as the monitor says; without one, zones.yaml in the folder."""
        return Path(self.heartbeat().get("zones") or self.folder / ZONES_FILE)

    def status(self) -> dict[str, Any]:
        """State of the camera: `state`, `since`, active alarms, and what the heartbeat says.

        `state` is watching; error: it watches with errors; lost: the heartbeat is old, `since` is its time; ended.
        """
        heartbeat = self.heartbeat()
        age = _age(heartbeat.get("time", ""))
        state: CameraState = "error" if heartbeat.get("errors") else "watching"
        if heartbeat.get("state") == "ended":
            state = "ended"
        elif age is None or age > OLD_SECONDS:
            state = "lost"
        alive = state in ("watching", "error")
        return {
            "name": self.name,
            "source": heartbeat.get("source", self.name),
            "state": state,
            "since": heartbeat.get("time", ""),
            "active_alarms": self.alarms.active(heartbeat.get("started", "")) if alive else [],
            "people": heartbeat.get("people", []) if alive else [],
            "errors": heartbeat.get("errors", []),
            "frames": heartbeat.get("frames", 0),
            "seconds": heartbeat.get("seconds", 0.0),
            "latency_ms": heartbeat.get("latency_ms"),
        }


class Cameras:
    """Cameras of an output folder: the folder itself if a monitor writes to it, else its sub-folders.

    Sub-folders that appear later are found.

    Args:
        folder: output folder of a monitor, or the shared one of a site.
        live: state of the monitor that writes to `folder`, if it runs in this process.
    """

    def __init__(self, folder: Path, live: LiveState | None = None) -> None:
        self.folder = folder
        self._live = live
        self._cameras: dict[str, CameraFolder] = {}

    def all(self) -> list[CameraFolder]:
        """All cameras by name."""
        is_single = self._live is not None or _is_output(self.folder)
        folders = [self.folder] if is_single else filter(_is_output, _children(self.folder))
        for folder in folders:
            camera = CameraFolder(folder, self._live)
            self._cameras.setdefault(camera.name, camera)
        return [self._cameras[name] for name in sorted(self._cameras)]

    def get(self, name: str) -> CameraFolder:
        """Give a camera by its name.

        Raises:
            UserError: there is none of this name.
        """
        camera = next((camera for camera in self.all() if camera.name == name), None)
        if camera is None:
            known = ", ".join(camera.name for camera in self.all()) or "none"
            raise UserError(f"no camera {name!r} in {self.folder}; there are: {known}")
        return camera

    def close(self) -> None:
        """Close the databases."""
        for camera in self._cameras.values():
            camera.alarms.close()


def _children(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _is_output(folder: Path) -> bool:
    return (folder / HEARTBEAT_FILE).exists() or (folder / EVENTS_FILE).exists()


def _age(time: str) -> float | None:
    """Seconds since an ISO time; None if it is not one."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    except (ValueError, TypeError):
        return None

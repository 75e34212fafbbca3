"""What a model sees: the way from keypoints to its windows. A run writes it down for whoever uses its model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skelmap.errors import UserError
from skelmap.files import replacing
from skelmap.maps import KeypointSettings, MapSettings
from skelmap.poses import LAYOUTS, Layout

FILE = "eye.json"


@dataclass(frozen=True)
class Eye:
    """What a model sees: the way from keypoints to its windows.

    Attributes:
        title: the model's name, for readers.
        window: T, frames in a window.
        fps: frames a second that it was trained on.
        layout: of the keypoints.
        settings: what a frame is: a map and how it is drawn, or keypoints.
        simulated: it was trained on simulated recordings.
    """

    title: str
    window: int
    fps: float
    layout: Layout
    settings: MapSettings | KeypointSettings
    simulated: bool

    def plain(self) -> dict[str, Any]:
        """Give everything as plain values, for JSON."""
        kind = "maps" if isinstance(self.settings, MapSettings) else "keypoints"
        return {
            "title": self.title,
            "window": self.window,
            "fps": self.fps,
            "layout": self.layout.name,
            "representation": kind,
            "settings": vars(self.settings),
            "simulated": self.simulated,
        }

    def write(self, folder: Path) -> None:
        """Write FOLDER/eye.json."""
        with replacing(folder / FILE) as file:
            file.write(json.dumps(self.plain(), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Eye":
        """Read FOLDER/eye.json.

        Raises:
            UserError: not there, or something in it is missing or not allowed.
        """
        path = folder / FILE
        try:
            values = json.loads(path.read_text())
            kind = {"maps": MapSettings, "keypoints": KeypointSettings}[values["representation"]]
            return cls(
                title=str(values["title"]),
                window=int(values["window"]),
                fps=float(values["fps"]),
                layout=LAYOUTS[values["layout"]],
                settings=kind(**values["settings"]),
                simulated=bool(values["simulated"]),
            )
        except FileNotFoundError as error:
            raise UserError(f"{folder}: not the folder of a finished run or an exported model: no {FILE}") from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error!r})") from error

"""What a model sees: the way from keypoints to its windows. A run writes it down for whoever uses its model."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.data.scale_check import Sizes
from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.training.schema import RULES, check_values
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object

SPEC_FILE = "eye.json"


@dataclass(frozen=True)
class InputSpec:
    """What a model sees: the way from keypoints to its windows.

    Attributes:
        title: the model's name, for readers.
        window: T, frames in a window.
        fps: frames a second of the windows that it was trained on.
        layout: of the keypoints.
        settings: what a frame is: a map and how it is drawn, or keypoints.
        simulated: it was trained on simulated recordings.
        sizes: how large people look in the training recordings; None where that has no bearing on scores, or is not
            known.
    """

    title: str
    window: int
    fps: float
    layout: Layout
    settings: MapSettings | KeypointSettings
    simulated: bool
    sizes: Sizes | None = None

    def plain(self) -> dict[str, Any]:
        """Give everything as plain values, for JSON."""
        settings = self.settings
        kind, values = "maps", vars(settings)
        if isinstance(settings, KeypointSettings):
            kind, values = "keypoints", {"joints": settings.joints, "crop_size": settings.crop_size}
        return {
            "title": self.title,
            "window": self.window,
            "fps": self.fps,
            "layout": self.layout.name,
            "representation": kind,
            "settings": values,
            "simulated": self.simulated,
            "people_px": self.sizes and self.sizes._asdict(),
        }

    def write(self, folder: Path) -> None:
        """Write FOLDER/eye.json."""
        with atomic_write(folder / SPEC_FILE) as file:
            file.write(json.dumps(self.plain(), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "InputSpec":
        """Read FOLDER/eye.json.

        Raises:
            UserError: not there, or something in it is missing or not allowed.
        """
        path = folder / SPEC_FILE
        if not path.exists():
            raise UserError(f"{folder}: not the folder of a finished run or an exported model: no {SPEC_FILE}")
        values = read_json_object(path)
        try:
            _check(values)
            layout, settings = LAYOUTS[values["layout"]], values["settings"]
            keypoints = values["representation"] == "keypoints"
            return cls(
                title=str(values["title"]),
                window=int(values["window"]),
                fps=float(values["fps"]),
                layout=layout,
                settings=KeypointSettings(layout, settings["crop_size"]) if keypoints else MapSettings(**settings),
                simulated=bool(values["simulated"]),
                sizes=_sizes(values.get("people_px")),
            )
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, UserError) as error:
            raise UserError(f"{path}: damaged ({type(error).__name__}: {error})") from error


def _sizes(values: dict[str, Any] | None) -> Sizes | None:
    """Take the sizes of people, which files of earlier versions do not hold."""
    if values is None:
        return None
    sizes = Sizes(**{key: float(value) for key, value in values.items()})
    if not 0 < sizes.smallest <= sizes.usual <= sizes.largest < math.inf:
        raise UserError(f"sizes of people, {tuple(sizes)} px")
    return sizes


def _check(values: dict[str, Any]) -> None:
    """Hold what eye.json says against the rules of a configuration."""
    settings, layout = dict(values["settings"]), values["layout"]
    if values["representation"] == "keypoints" and settings.pop("joints") != LAYOUTS[layout].joints_with_neck:
        raise UserError(f"not the joints of {layout}")
    data = {
        "representation": values["representation"],
        "seq_len": values["window"],
        "json": {"layout": layout, "fps": values["fps"]},
        "maps": settings,
    }
    check_values({"data": {**data, **settings}}, RULES)

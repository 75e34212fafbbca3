"""The input of a trained model: how its windows are made from keypoints.

A run writes it to input_spec.json for the monitor and for exported models.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from skelmap.data.keypoints import KeypointSettings, Representation
from skelmap.data.rendering import MapSettings
from skelmap.data.windows import WindowLength
from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.skeletons.person_filter import MinJoints, MinSize, PersonFilter
from skelmap.skeletons.person_size import SizeRange
from skelmap.skeletons.readers import PoseFormat, make_pose_format
from skelmap.skeletons.resampling import BridgeSeconds
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object
from skelmap.utils.schema import STRICT, FrameRate, validate, validate_signature

SPEC_FILE = "input_spec.json"
OLD_SPEC_FILE = "eye.json"


class _Values(BaseModel):
    """Values of input_spec.json."""

    model_config = STRICT
    title: str
    window: WindowLength
    fps: FrameRate
    bridge_seconds: BridgeSeconds
    min_joints: MinJoints
    min_size: MinSize
    layout: Literal[tuple(LAYOUTS)]  # type: ignore[valid-type]
    representation: Representation
    settings: dict[str, Any]
    simulated: bool
    people_px: dict[str, float] | None
    pose_format: dict[str, Any]


@dataclass(frozen=True)
class InputSpec:
    """How the windows of a model are made from keypoints.

    Attributes:
        title: name of the model.
        window: frames in a window.
        fps: the model's clock, frames a second.
        layout: of the keypoints.
        settings: what a frame is: a rendered map, or keypoints.
        simulated: whether the training recordings were simulated.
        people_px: sizes of the people in the training recordings; None if unknown or irrelevant to the scores.
        bridge_seconds: gaps in a person's detections up to this length are bridged.
        person_filter: which detections are left out.
        pose_format: of the training recordings; the monitor takes it for JSON files, which state none.
    """

    title: str
    window: int
    fps: float
    layout: Layout
    settings: MapSettings | KeypointSettings
    simulated: bool
    people_px: SizeRange | None = None
    bridge_seconds: float = 0.2
    person_filter: PersonFilter = field(default_factory=PersonFilter)
    pose_format: PoseFormat = field(default_factory=PoseFormat)

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        settings = self.settings
        kind, values = "maps", vars(settings)
        if isinstance(settings, KeypointSettings):
            kind, values = "keypoints", {"joints": settings.joints, "crop_size": settings.crop_size}
        return {
            "title": self.title,
            "window": self.window,
            "fps": self.fps,
            "bridge_seconds": self.bridge_seconds,
            **self.person_filter._asdict(),
            "layout": self.layout.name,
            "representation": kind,
            "settings": values,
            "simulated": self.simulated,
            "people_px": self.people_px and self.people_px._asdict(),
            "pose_format": self.pose_format.plain(),
        }

    def write(self, folder: Path) -> None:
        """Write FOLDER/input_spec.json."""
        with atomic_write(folder / SPEC_FILE) as file:
            file.write(json.dumps(self.plain(), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "InputSpec":
        """Read FOLDER/input_spec.json.

        Raises:
            UserError: it is not there, or a value is missing or not allowed.
        """
        path = folder / SPEC_FILE
        if not path.exists():
            if (folder / OLD_SPEC_FILE).exists():
                raise UserError(
                    f"{folder}: a run of an older version ({OLD_SPEC_FILE}, now {SPEC_FILE}); train it again"
                )
            raise UserError(f"{folder}: not the folder of a finished run or an exported model: no {SPEC_FILE}")
        values = read_json_object(path)
        if missing := _Values.model_fields.keys() - values.keys():
            raise UserError(
                f"{path}: lacks {', '.join(sorted(missing))}: of a run of an older version, or damaged; train it again"
            )
        try:
            validate(_Values, values)
            layout = LAYOUTS[values["layout"]]
            return cls(
                title=values["title"],
                window=values["window"],
                fps=float(values["fps"]),
                bridge_seconds=float(values["bridge_seconds"]),
                person_filter=PersonFilter(values["min_joints"], float(values["min_size"])),
                layout=layout,
                settings=_settings(values["representation"], values["settings"], layout),
                simulated=values["simulated"],
                people_px=_sizes(values["people_px"]),
                pose_format=_pose_format(values["pose_format"]),
            )
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, UserError) as error:
            raise UserError(f"{path}: damaged ({type(error).__name__}: {error})") from error


def _settings(representation: str, values: dict[str, Any], layout: Layout) -> MapSettings | KeypointSettings:
    if representation == "maps":
        validate_signature(MapSettings, values, "settings")
        return MapSettings(**values)
    if values.pop("joints") != layout.joints_with_neck:
        raise UserError(f"not the joints of {layout.name}")
    validate_signature(KeypointSettings, values, "settings", without=["layout"])
    return KeypointSettings(layout, **values)


def _pose_format(values: dict[str, Any]) -> PoseFormat:
    validate_signature(make_pose_format, values, "pose_format")
    return make_pose_format(**values)


def _sizes(values: dict[str, float] | None) -> SizeRange | None:
    if values is None:
        return None
    sizes = SizeRange(**{key: float(value) for key, value in values.items()})
    if not 0 < sizes.smallest <= sizes.usual <= sizes.largest < math.inf:
        raise UserError(f"sizes of people, {tuple(sizes)} px")
    return sizes

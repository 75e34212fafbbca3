"""Types and bounds of the keys of conf/monitor.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from skelmap.utils.schema import STRICT, FilePath, FrameRate, PictureSize, validate

SourceName = Annotated[
    Annotated[str, Field(min_length=1)] | int, Field(description="a file, a folder, a camera's number or address")
]
Command = Annotated[
    list[Annotated[str, Field(min_length=1)]], Field(min_length=1, description="a list of words, such as [./notify.sh]")
]


class PoseFormatConfig(BaseModel):
    """Keys of `pose_format`."""

    model_config = STRICT

    layout: Literal["BODY_25", "COCO_18", "COCO_17"]
    size: PictureSize
    fps: FrameRate


class WebConfig(BaseModel):
    """Keys of `web`."""

    model_config = STRICT

    port: Annotated[int, Field(ge=0, le=65535)] | None
    host: Annotated[str, Field(description="an address of this machine")]


class MonitorConfig(BaseModel):
    """Keys of the monitor; the groups `pose_format` and `web` have models of their own."""

    model_config = STRICT

    checkpoint: FilePath
    source: SourceName
    output: FilePath
    false_alarms_per_hour: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None
    min_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
    release_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)]
    on_alarm: Command | None
    estimator: Annotated[str, Field(min_length=1, description="the name of a pose estimator")]
    weights: FilePath | None
    pose_format: dict[str, Any]
    follow: bool
    web: dict[str, Any]
    realtime: bool
    save_video: bool
    save_camera_image: bool


def check_config(values: Mapping[str, Any]) -> None:
    """Check the monitor's configuration.

    Args:
        values: of conf/monitor.yaml, as plain Python.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    validate(MonitorConfig, values)
    validate(PoseFormatConfig, values["pose_format"], "pose_format")
    validate(WebConfig, values["web"], "web")

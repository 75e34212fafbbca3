"""Types and bounds of the keys of conf/monitor.yaml."""

from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, BeforeValidator, Field

from skelmap.skeletons.readers import PoseFormat, make_pose_format
from skelmap.utils.errors import UserError
from skelmap.utils.schema import STRICT, FilePath, validate, validate_signature

SourceName = Annotated[
    Annotated[str, Field(min_length=1)] | int, Field(description="a file, a folder, a camera's number or address")
]
Packages = Annotated[
    list[str],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(description="a package, or a list of packages, whose code you trust"),
]
Command = Annotated[
    list[Annotated[str, Field(min_length=1)]], Field(min_length=1, description="a list of words, such as [./notify.sh]")
]


class WebConfig(BaseModel):
    """Keys of `web`."""

    model_config = STRICT

    port: Annotated[int, Field(ge=0, le=65535)] | None
    host: Annotated[str, Field(description="an address of this machine")]
    passwords: FilePath | None
    certificate: FilePath | None
    key: FilePath | None


class EvidenceConfig(BaseModel):
    """Keys of `evidence`."""

    model_config = STRICT

    seconds: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] | None
    days: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    gigabytes: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MQTTConfig(BaseModel):
    """Keys of `mqtt`."""

    model_config = STRICT

    address: Annotated[str, Field(min_length=1, description="mqtt://USER:PASSWORD@HOST:PORT")] | None
    topic: Annotated[str, Field(min_length=1, description="a topic")]
    discovery: Annotated[str, Field(min_length=1, description="a topic")] | None


class MonitorConfig(BaseModel):
    """Configuration of the monitor."""

    model_config = STRICT

    checkpoint: FilePath | None
    zones: FilePath | None
    source: SourceName
    trust: Packages
    output: FilePath
    false_alarms_per_hour: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None
    min_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
    release_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)]
    name: Annotated[str, Field(min_length=1, description="a name")] | None
    on_alarm: Command | None
    webhook: Annotated[str, Field(min_length=1, description="an address, https://...")] | None
    mqtt: Annotated[MQTTConfig, Field(description="keys and values")]
    estimator: Annotated[str, Field(min_length=1, description="the name of a pose estimator")]
    weights: FilePath | None
    pose_format: Annotated[dict[str, Any], Field(description="keys and values")]
    follow: bool
    web: Annotated[WebConfig, Field(description="keys and values")]
    evidence: Annotated[EvidenceConfig, Field(description="keys and values")]
    realtime: bool
    save_video: bool
    save_camera_image: bool

    @property
    def declared(self) -> dict[str, Any]:
        """Keys of `pose_format` that are not null."""
        return {key: value for key, value in self.pose_format.items() if value is not None}

    def json_format(self, run: PoseFormat) -> PoseFormat:
        """Pose format of JSON files: what is declared, else what the run was trained on."""
        return make_pose_format(**{**run.plain(), **self.declared})


def read_config(cfg: DictConfig) -> MonitorConfig:
    """Check the composed configuration and convert it.

    Args:
        cfg: composed from conf/monitor.yaml.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    for key in ("checkpoint", "source"):
        if OmegaConf.is_missing(cfg, key):
            raise UserError(f"{key} is missing: set it with {key}=VALUE; skelmap monitor --help lists what it may be")
    try:
        values: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {error.msg or error}".strip()) from None
    groups: dict[str, type[BaseModel]] = {"web": WebConfig, "evidence": EvidenceConfig, "mqtt": MQTTConfig}
    for key, model in groups.items():
        if isinstance(values.get(key), dict):
            validate(model, values[key], key)
    validate(MonitorConfig, values)
    config = MonitorConfig.model_validate(values)
    validate_signature(make_pose_format, config.declared, "pose_format")
    return config

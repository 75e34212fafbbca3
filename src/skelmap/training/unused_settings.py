"""Settings of the data that a run would silently ignore."""

from collections.abc import Mapping
from typing import Any

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.base import Model
from skelmap.skeletons.readers import PoseFormat
from skelmap.utils.errors import UserError


def check_pose_format(data: SkeletonDataModule) -> None:
    """Refuse a pose format that no recording has: archives state their own.

    Raises:
        UserError: naming the key, its value, and what the recordings have.
    """
    recordings = data.manifest.recordings
    if any(recording.path.suffix != ".npz" for recording in recordings):
        return
    usual, stated = PoseFormat().plain(), data.recording_format.plain()
    for key, value in data.pose_format.plain().items():
        if value not in (usual[key], stated[key]):
            raise UserError(
                f"data.pose_format.{key}={value}: the recordings have {stated[key]}; leave the key out, it is for JSON "
                "files, and all recordings are clip archives, which state theirs"
            )


def unused_settings(node: Mapping[str, Any], data: SkeletonDataModule, model: Model) -> list[str]:
    """Warn of settings without effect.

    Args:
        node: group `data` of the resolved configuration.
        data: made from it.
        model: to be trained on them.

    Returns:
        Sentences for the log and the report.
    """
    found = []
    if isinstance(data.settings, KeypointSettings):
        usual, given = MapSettings(), MapSettings(img_size=node["img_size"], **node["maps"])
        keys = {"img_size": "data.img_size", **{key: f"data.maps.{key}" for key in node["maps"] if key != "crop_size"}}
        changed = [name for key, name in keys.items() if getattr(given, key) != getattr(usual, key)]
        if changed:
            found.append(f"without effect, the model's input are keypoints: {', '.join(changed)}")
    windows = len(data.starts("train"))
    if isinstance(model, Autoencoder) and data.batch_size > windows > 0:
        found.append(f"data.batch_size={data.batch_size}: only {windows} training windows, so one batch an epoch")
    return found

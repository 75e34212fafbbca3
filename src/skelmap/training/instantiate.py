"""Make the parts of a configuration into objects."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.models.base import Model
from skelmap.training.schema import check_targets, resolved
from skelmap.utils.errors import UserError


def build(node: DictConfig, **more: Any) -> Any:
    """Instantiate a part of the configuration, if it calls nothing but what the project uses.

    Raises:
        UserError: it calls something else, or what it calls refuses its values.
    """
    check_targets(resolved(node))
    try:
        return instantiate(node, **more, _convert_="all")
    except (InstantiationException, OmegaConfBaseException) as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        raise UserError(" ".join(str(error).split())) from error


def build_model(node: DictConfig, settings: MapSettings | KeypointSettings) -> Model:
    """Instantiate a model for what it will see: a network has the clips' layout, or as many channels as the maps.

    Raises:
        UserError: see `build`.
    """
    sees: dict[str, Any] = {}
    if "representation" in node:  # a network
        if isinstance(settings, KeypointSettings):
            sees["layout"] = settings.layout.name
        else:
            sees["map_channels"] = len(settings.channels)
    model: Model = build(node, **sees)
    return model

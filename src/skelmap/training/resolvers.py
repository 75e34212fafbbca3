"""OmegaConf resolvers of conf/: what the chosen model asks of the data and the trainer; folders of own files."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from skelmap.utils.config_files import own_config_dirs


def from_model(key: str, *, _root_: DictConfig) -> Any:
    """Value that the model's class asks for (`Model.input_defaults`): `${from_model:seq_len}`.

    Args:
        key: representation, window, seq_len, seconds, batch_size or max_epochs. Of seq_len and seconds one has a value:
            what the user sets of them in group data, else what the model asks for.

    Raises:
        UserError: no such model.
    """
    from skelmap.training.instantiate import model_class  # imports torch: not for --help
    from skelmap.utils.errors import UserError

    node = _root_.get("model")
    if not isinstance(node, DictConfig):
        raise UserError(f"model={node}; allowed: keys and values, as in conf/")
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)
    parameters = {str(name): value for name, value in values.items()}
    asked = model_class(parameters.get("_target_")).input_defaults(parameters)
    used = "seq_len" if asked.seconds is None else "seconds"
    other = {"seq_len": "seconds", "seconds": "seq_len"}.get(key)
    if other and (key != used or _is_given(_root_.get("data"), other)):
        return None
    return getattr(asked, key)


def _is_given(node: Any, key: str) -> bool:
    """Whether a key has a value of its own, not one that depends on the model."""
    return isinstance(node, DictConfig) and not OmegaConf.is_interpolation(node, key) and node.get(key) is not None


def config_dirs() -> list[str]:
    """Hydra's search path of the user's own configuration files."""
    return [f"file://{folder}" for folder in own_config_dirs()]


OmegaConf.register_new_resolver("config_dirs", config_dirs, replace=True)


def examples_beside(manifest: str) -> str:
    """Path of the labelled examples of a task: `${examples_beside:${data.manifest}}`.

    Args:
        manifest: path of manifest_TASK.csv; examples_TASK.csv is in the same folder.
    """
    path = Path(manifest)
    return str(path.with_name(path.name.replace("manifest", "examples", 1)))


OmegaConf.register_new_resolver("from_model", from_model, replace=True)
OmegaConf.register_new_resolver("examples_beside", examples_beside, replace=True)

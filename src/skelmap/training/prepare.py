"""Prepare a run: check the configuration, build data, model and trainer, load the checkpoint, build the cache."""

import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from pytorch_lightning.callbacks import ProgressBar, WeightAveraging
from pytorch_lightning.utilities import rank_zero_only
from torch.optim.lr_scheduler import ReduceLROnPlateau

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.quality import quality_warnings, scale_warnings
from skelmap.models.base import Model
from skelmap.models.baseline_base import Baseline
from skelmap.skeletons.amounts import amount_lines
from skelmap.skeletons.examples import judged_people
from skelmap.training import run_dir
from skelmap.training.callbacks import History, training_callbacks
from skelmap.training.checkpoints import AtomicCheckpointIO, check_compatible, load_checkpoint
from skelmap.training.config_check import check
from skelmap.training.instantiate import input_sizes, instantiate, instantiate_model, partial_of
from skelmap.training.optimizers import set_optimizer
from skelmap.training.unused_settings import check_pose_format, unused_settings
from skelmap.utils.errors import UserError
from skelmap.utils.names import list_names
from skelmap.utils.runtime import keep_freed_memory, reset_peak_memory

log = logging.getLogger(__name__)
HIDDEN_WARNINGS = (
    ".*does not have many workers.*",  # the loaders yield row numbers
    ".*Checkpoint directory.*",
    ".*configure_optimizers.*",
    ".*smaller than the logging interval.*",
    ".*dirpath has changed.*",
    ".*Experiment logs directory.*",
    ".*Total length of `list` across ranks is zero.*",
    ".*LeafSpec.*",
    ".*AccumulateGrad node's stream.*",  # CUDA graphs
    ".*`training_step` returned `None`.*",
)


class Checkpoint(NamedTuple):
    """A loaded checkpoint.

    Attributes:
        path: of its file.
        content: plain values and tensors.
    """

    path: Path
    content: dict[str, Any]


@dataclass
class Parts:
    """The parts of a run.

    Attributes:
        config: resolved and checked.
        trainer: with loggers and callbacks.
        model: for these data.
        data: cached.
        checkpoint: to resume from or to evaluate; None for a new training.
    """

    config: dict[str, Any]
    trainer: pl.Trainer
    model: Model
    data: SkeletonDataModule
    checkpoint: Checkpoint | None

    @property
    def folder(self) -> Path:
        """The run directory."""
        return Path(self.config["paths"]["output_dir"])

    @property
    def history(self) -> History:
        """Losses of the epochs."""
        return next(callback for callback in self.trainer.callbacks if isinstance(callback, History))


def prepare(config: dict[str, Any], stage: str | None = None) -> Parts:
    """Check the configuration, build the parts of the run and the cache of the data.

    Args:
        config: resolved.
        stage: "fit" for a training without evaluation.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    folder = Path(config["paths"]["output_dir"])
    if rank_zero_only.rank == 0:
        run_dir.prepare_folder(folder, config)
    check(config)
    _hide_warnings()
    keep_freed_memory()
    reset_peak_memory()
    pl.seed_everything(config["seed"], verbose=False)
    data: SkeletonDataModule = instantiate(config["data"])
    if rank_zero_only.rank == 0:
        run_dir.check_data(folder, data)
    check_pose_format(data)
    model = instantiate_model(config["model"], input_sizes(data))
    checkpoint = _load_checkpoint(config, model, data)
    optimizer, scheduler = (partial_of(config.get(group)) for group in ("optimizer", "scheduler"))
    set_optimizer(model, optimizer, scheduler, checkpoint.content if checkpoint and config["train"] else None)
    data.prepare_data()
    data.setup(stage if config["train"] else "test")
    _check_examples(model, data)
    log.info("windows: %d frames, %.3g s at %.4g frames a second", data.seq_len, data.seq_len / data.fps, data.fps)
    for line in data_amounts(data) if config["train"] and not data.simulated else ():
        log.info(line)
    for warning in data_warnings(config, model, data):
        log.warning(warning)
    validates = _validates(config, data)
    trainer = _trainer(config, validates, checkpoint)
    _check_callbacks(trainer, model, scheduler, validates)
    if trainer.world_size > 1:
        _check_processes(trainer.world_size, model)
    return Parts(config, trainer, model, data, checkpoint)


def _check_examples(model: Model, data: SkeletonDataModule) -> None:
    """Refuse abnormal examples that the model would ignore.

    Raises:
        UserError: naming the models that take them.
    """
    if data.example_windows.number and not model.supports_examples:
        raise UserError(
            f"data.examples={data.hparams['examples']}: {model.title} learns from normal windows only; allowed are "
            "model=feature_knn and other models on pose features, or data.n_examples=0"
        )


def _load_checkpoint(config: dict[str, Any], model: Model, data: SkeletonDataModule) -> Checkpoint | None:
    """Load and check the last checkpoint of an interrupted run, else the one in ckpt_path."""
    last = run_dir.last_checkpoint(Path(config["paths"]["output_dir"]))
    resumes = config["train"] and last.exists()
    given = config.get("ckpt_path")
    path = last if resumes else Path(given) if given else None
    if path is None:
        return None
    content = load_checkpoint(path)
    check_compatible(path, content, model, data)
    return Checkpoint(path, content)


def _validates(config: dict[str, Any], data: SkeletonDataModule) -> bool:
    """Whether epochs of training are validated."""
    return len(data.starts("val")) > 0 and config["trainer"].get("limit_val_batches") != 0


def _trainer(config: dict[str, Any], validates: bool, checkpoint: Checkpoint | None) -> pl.Trainer:
    """Build the trainer; a progress bar needs a terminal."""
    callbacks = [instantiate(node) for node in (config.get("callbacks") or {}).values()]
    if not sys.stdout.isatty() or config["trainer"].get("enable_progress_bar") is False:
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
        config = {**config, "trainer": {**config["trainer"], "enable_progress_bar": False}}
    checkpoints = run_dir.last_checkpoint(Path(config["paths"]["output_dir"])).parent
    loggers = [instantiate(node) for node in (config.get("logger") or {}).values()]
    trainer: pl.Trainer = instantiate(
        config["trainer"],
        callbacks=[*callbacks, *training_callbacks(config["seed"], checkpoints, validates, config["autotune"])],
        logger=loggers or False,
        plugins=[AtomicCheckpointIO({checkpoint.path: checkpoint.content} if checkpoint else None)],
    )
    return trainer


def _check_callbacks(trainer: pl.Trainer, model: Model, scheduler: Any, has_val: bool) -> None:
    """Refuse callbacks and schedules that would fail in the first epoch, or have no effect.

    Raises:
        UserError: naming it, and why.
    """
    watched = {type(callback).__name__: getattr(callback, "monitor", None) for callback in trainer.callbacks}
    if scheduler is not None and scheduler.func is ReduceLROnPlateau:
        watched["ReduceLROnPlateau"] = "val/loss"
    for name, key in watched.items():
        if str(key).startswith("val/") and not has_val:
            raise UserError(f"{name} watches {key}, and there are no validation windows; allowed: another or none")
    if any(isinstance(callback, pl.callbacks.StochasticWeightAveraging) for callback in trainer.callbacks):
        raise UserError("Lightning's StochasticWeightAveraging has no effect on checkpoints; allowed: callbacks=swa")
    if isinstance(model, Baseline) and any(isinstance(one, WeightAveraging) for one in trainer.callbacks):
        raise UserError(
            f"{model.title} is fitted in one step, without weights that could be averaged; drop that callback"
        )


def _check_processes(processes: int, model: Model) -> None:
    """Refuse what several processes cannot do.

    Raises:
        UserError: a model that is fitted in one step, or a run of a sweep.
    """
    if not model.supports_distributed:
        raise UserError(
            f"trainer.devices={processes}: {model.title} is fitted in one step; allowed is trainer.devices=1"
        )
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError(
            f"trainer.devices={processes}: in a sweep, each process would start the whole sweep again; allowed is "
            "trainer.devices=1, with several runs at once (launcher=...)"
        )


def data_amounts(data: SkeletonDataModule) -> list[str]:
    """Lines about the minutes and people of each split, and what is missing, for the log."""
    lengths = zip(data.cache.source_spans, data.cache.source_fps, strict=True)
    return amount_lines(data.manifest.recordings, [(stop - first) / fps for (first, stop), fps in lengths])


def data_warnings(config: dict[str, Any], model: Model, data: SkeletonDataModule) -> list[str]:
    """Warnings about the data, for the log and the report."""
    without = config["train"] and not _validates(config, data) and model.no_validation_warning
    found = [*quality_warnings(data), *([] if model.scale_invariant else scale_warnings(data))]
    if people := judged_people(data.manifest):
        found.append(f"data.examples shows {list_names(people)} of the test split: results hold for known people only")
    unused = unused_settings(config["data"], data, model) if config["train"] else []
    return [*([f"no validation windows: {without}"] if without else []), *unused, *found]


def _hide_warnings() -> None:
    """Hide warnings of Lightning and torch that do not apply here."""
    for message in HIDDEN_WARNINGS:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

"""One experiment from configuration to report; reads top to bottom."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.evaluate import EvaluationResult, evaluate
from skelmap.evaluation.examples import Examples, ExampleWindows, pick_windows, sample_latents
from skelmap.evaluation.frames import Predictions
from skelmap.evaluation.report import Report, write_report
from skelmap.evaluation.results import console_table, write_results
from skelmap.models.base import Model
from skelmap.monitor.calibration import input_spec_of, validation_scores
from skelmap.training import run_dir
from skelmap.training.callbacks import FirstBatch, History, PredictionCollector
from skelmap.training.checkpoints import AtomicCheckpointIO, check_progress, copy_checkpoint
from skelmap.training.instantiate import build, build_model
from skelmap.training.loggers import closing, log_results, scalars
from skelmap.training.schema import check
from skelmap.utils.errors import UserError
from skelmap.utils.io import stdout_console
from skelmap.utils.names import flatten
from skelmap.utils.runtime import keep_freed_memory, peak_memory_mb, reset_peak_memory

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, Any]:
    """Train a model on normal recordings, judge it on the test split, write the run's folder.

    Args:
        cfg: the configuration composed from conf/train.yaml.

    Returns:
        What metrics.json holds; `val_loss` is the lowest validation loss.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    folder = Path(cfg.paths.output_dir)
    finished = run_dir.finished(folder, cfg)
    if finished is not None:
        run_dir.check_data(folder, build(cfg.data))
        log.info("%s: finished before, nothing to do", folder)
        return finished
    trainer, model, data = prepare(cfg)
    with _logging(cfg, trainer):
        checkpoint = _fit(cfg, trainer, model, data) if cfg.train else cfg.ckpt_path
        predictions = predict(trainer, model, data, checkpoint)
        if not trainer.is_global_zero:  # of several processes, the first one judges and writes
            return {}
        copy_checkpoint(Path(checkpoint), run_dir.best_checkpoint(folder))
        write_calibration(folder, model, data)
        return conclude(cfg, trainer, model, data, predictions)


def fit(cfg: DictConfig, watcher: Callback) -> list[float]:
    """Train a model on normal recordings and judge nothing: no test window is looked at.

    Args:
        cfg: the configuration composed from conf/train.yaml.
        watcher: sees every epoch beside the configured callbacks; may end the training by raising.

    Returns:
        val/loss of each epoch, nats a window.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    trainer, model, data = prepare(cfg, "fit")
    trainer.callbacks.insert(0, watcher)
    with _logging(cfg, trainer):
        _fit(cfg, trainer, model, data)
    losses = _history(trainer).epochs.get("val/loss")
    if not losses:
        raise UserError("no epoch has a val/loss: it needs validation recordings and callbacks.history")
    return losses


def predict(trainer: pl.Trainer, model: Model, data: SkeletonDataModule, checkpoint: str | None = None) -> Predictions:
    """Score every test window with a checkpoint's weights, or with the model's own.

    Raises:
        UserError: the checkpoint does not fit, or the trainer was told to score nothing.
    """
    keep = PredictionCollector(len(data.starts("test")))
    trainer.callbacks.append(keep)
    with _loading(checkpoint, trainer, model, data):
        trainer.predict(model, data, return_predictions=False, ckpt_path=checkpoint, weights_only=True)
    model.to(trainer.strategy.root_device)  # from which Lightning has taken it
    scores = keep.scores()
    if scores is None:
        raise UserError("nothing was scored")
    return Predictions(data.test_row(scores.start), scores.score, scores.latent, data.window)


def write_calibration(folder: Path, model: Model, data: SkeletonDataModule) -> None:
    """Write what scripts/monitor.py needs beside the checkpoint: what the model sees, how normal work scores."""
    eye = input_spec_of(_title(model, data), model, data)
    eye.write(folder)
    if len(data.starts("val")):
        normal = validation_scores(model.eval(), eye, data.manifest.split("val"), data.format)
        if len(normal.score):  # at another frame rate than the model's a recording may be too short
            normal.write(folder)


def conclude(
    cfg: DictConfig,
    trainer: pl.Trainer,
    model: Model,
    data: SkeletonDataModule,
    predictions: Predictions,
) -> dict[str, Any]:
    """Judge the scores; write, log and print what is said about them.

    Returns:
        What metrics.json holds.

    Raises:
        UserError: the scores are NaN, or there is nothing to judge.
    """
    folder = Path(cfg.paths.output_dir)
    judgement = evaluate(predictions, data.test_rows(), seed=cfg.seed)
    report = write_report(folder, _report(cfg, trainer, model, data, judgement, predictions))
    # metrics.json comes last: a folder that has it is finished
    numbers = write_results(folder, judgement, _facts(cfg, trainer, model, data))
    if trainer.logger:
        trainer.logger.log_metrics(scalars(numbers))
    log_results(trainer.loggers, judgement, report)
    stdout_console().print(console_table(judgement, _title(model, data)))
    log.info("report: %s", report)
    return numbers


def prepare(cfg: DictConfig, stage: str | None = None) -> tuple[pl.Trainer, Model, SkeletonDataModule]:
    """Check the configuration, build its parts and draw the maps.

    Args:
        cfg: the configuration composed from conf/train.yaml.
        stage: "fit" asks for training windows alone, None for training and test windows.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    if rank_zero_only.rank == 0:
        run_dir.write(Path(cfg.paths.output_dir), cfg)
    check(cfg)
    _quiet()
    keep_freed_memory()
    reset_peak_memory()
    pl.seed_everything(cfg.seed, verbose=False)
    data: SkeletonDataModule = build(cfg.data)
    if rank_zero_only.rank == 0:
        run_dir.check_data(Path(cfg.paths.output_dir), data)
    model = build_model(cfg.model, data.settings)
    if cfg.ckpt_path:
        run_dir.check_checkpoint(Path(cfg.ckpt_path), model, data)
    data.prepare_data()
    data.setup(stage)
    for remark in _remarks(model, data):
        log.warning(remark)
    trainer = _trainer(cfg, has_val=len(data.starts("val")) > 0)
    if trainer.world_size > 1:
        _check_processes(trainer.world_size, model)
    return trainer, model, data


def _report(
    cfg: DictConfig,
    trainer: pl.Trainer,
    model: Model,
    data: SkeletonDataModule,
    judgement: EvaluationResult,
    predictions: Predictions,
) -> Report:
    """Gather what the report shows."""
    rows, name = data.test_rows(), _title(model, data)
    return Report(
        title=f"{name} on {data.name}",
        model=name,
        data=data.name,
        simulated=data.simulated,
        result=judgement,
        examples=_examples(model, data, pick_windows(predictions, rows)),
        latents=sample_latents(predictions, rows, cfg.seed),
        history=_history(trainer).epochs,
        config_yaml=OmegaConf.to_yaml(run_dir.plain(cfg)),
        versions=run_dir.versions(),
        notes=_remarks(model, data),
    )


def _remarks(model: Model, data: SkeletonDataModule) -> list[str]:
    """Say what about these data is to be known when the numbers are read."""
    alone = not len(data.starts("val")) and model.no_validation_warning
    return [*([f"no validation windows: {alone}"] if alone else []), *filter(None, [data.mixed_rates, data.cut_off])]


def _examples(model: Model, data: SkeletonDataModule, picks: ExampleWindows) -> Examples | None:
    """Reconstruct windows of T maps; None if the model reconstructs nothing, or something else than maps."""
    if not isinstance(data.settings, MapSettings):
        return None
    with torch.inference_mode():
        start = torch.from_numpy(data.cache_row(picks.start)).to(model.device)
        maps = data.gather(start, data.seq_len)
        frames = maps if data.window > 1 else maps.flatten(0, 1).unsqueeze(1)  # (K, T, ...) -> (K*T, 1, ...)
        recon = model.eval().reconstruct(frames)
    if recon is None:
        return None
    seen, made = (found.cpu().numpy() for found in (maps, recon.reshape(maps.shape).clamp(0, 1)))
    return Examples(seen, made, picks.label, picks.title, picks.score, data.settings.channels)


def _trainer(cfg: DictConfig, has_val: bool) -> pl.Trainer:
    """Build the trainer; without validation recordings the last epoch's weights count."""
    if not has_val and "checkpoint" in cfg.callbacks:
        cfg.callbacks.checkpoint.monitor = None
    callbacks = [build(callback) for callback in cfg.callbacks.values()]
    logger = build(cfg.logger) if cfg.get("logger") else False
    trainer: pl.Trainer = build(cfg.trainer, callbacks=callbacks, logger=logger, plugins=[AtomicCheckpointIO()])
    return trainer


def _check_processes(processes: int, model: Model) -> None:
    """Refuse what several processes cannot do.

    Raises:
        UserError: a model that is fitted at once, or a cell of a sweep.
    """
    if not model.supports_distributed:
        raise UserError(f"trainer.devices={processes}: {model.title} is fitted at once; allowed is trainer.devices=1")
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError(
            f"trainer.devices={processes}: in a sweep, each process would start the whole sweep again; allowed is "
            "trainer.devices=1, with several cells at once (launcher=...)"
        )


def _fit(cfg: DictConfig, trainer: pl.Trainer, model: Model, data: SkeletonDataModule) -> str:
    """Train, going on from this folder's last checkpoint if the run was interrupted; give the one to judge."""
    folder = Path(cfg.paths.output_dir)
    last, own = run_dir.last_checkpoint(folder), run_dir.best_checkpoint(folder)
    resume = str(last) if last.exists() else cfg.ckpt_path
    with _loading(resume, trainer, model, data) as batch:
        trainer.fit(model, data, ckpt_path=resume, weights_only=True)
    if resume and not batch.done:
        log.warning(
            "%s: trained for %d epochs, nothing is left of trainer.max_epochs=%s",
            *(resume, trainer.current_epoch, trainer.max_epochs),
        )
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if not best:  # the baselines take no optimiser steps, and Lightning's callback saves only after one
        trainer.save_checkpoint(own)
    elif trainer.is_global_zero:
        copy_checkpoint(Path(best), own)
    return str(trainer.strategy.broadcast(str(own)))


@contextmanager
def _loading(
    checkpoint: str | None, trainer: pl.Trainer, model: Model, data: SkeletonDataModule
) -> Iterator[FirstBatch]:
    """Check a checkpoint, and blame it for what goes wrong between opening it and the end of the first batch."""
    first = FirstBatch()
    if checkpoint is None:
        yield first
        return
    saved = run_dir.check_checkpoint(Path(checkpoint), model, data)
    check_progress(Path(checkpoint), saved, trainer)
    trainer.callbacks.append(first)
    try:
        yield first
    except Exception as error:
        if first.done or isinstance(error, UserError):
            raise
        cause = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"ckpt_path={checkpoint}: nothing can go on from this checkpoint ({cause})") from error
    finally:
        trainer.callbacks.remove(first)


def _title(model: Model, data: SkeletonDataModule) -> str:
    """Name the method for readers: the model, and what it sees where that is not maps or the only thing it can see."""
    said = isinstance(data.settings, MapSettings) or model.keypoints_only
    return str(model.title) if said else f"{model.title}, keypoints"


def _facts(cfg: DictConfig, trainer: pl.Trainer, model: Model, data: SkeletonDataModule) -> dict[str, Any]:
    """What metrics.json says beside the judgement."""
    history = _history(trainer)
    losses = history.epochs.get("val/loss", [])
    return {
        "model": _title(model, data),
        "data": data.name,
        "simulated": data.simulated,
        "seed": cfg.seed,
        "epochs": trainer.current_epoch if cfg.train else max(map(len, history.epochs.values()), default=0),
        "val_loss": min(losses) if losses else None,
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "train_seconds": round(history.seconds, 1),
        "peak_memory_mb": peak_memory_mb(),
    }


def _history(trainer: pl.Trainer) -> History:
    """Give the losses of every epoch and their time; of none where there is no such callback."""
    return next((callback for callback in trainer.callbacks if isinstance(callback, History)), History())


def _quiet() -> None:
    """Silence hints that do not apply: windows need no worker processes, logs no sub-steps, CUDA graphs are meant."""
    for message in (
        ".*does not have many workers.*",
        ".*Checkpoint directory.*",
        ".*configure_optimizers.*",
        ".*smaller than the logging interval.*",
        ".*dirpath has changed.*",
        ".*Experiment logs directory.*",
        ".*Total length of `list` across ranks is zero.*",
        ".*LeafSpec.*",
        ".*AccumulateGrad node's stream.*",
        ".*`training_step` returned `None`.*",
    ):
        warnings.filterwarnings("ignore", message)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


@contextmanager
def _logging(cfg: DictConfig, trainer: pl.Trainer) -> Iterator[None]:
    """Log the configuration; close the loggers whatever happens."""
    with closing(trainer.loggers):
        if trainer.logger:
            trainer.logger.log_hyperparams(flatten(run_dir.plain(cfg), "/"))  # models and data log none: theirs nest
        yield

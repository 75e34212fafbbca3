"""One run, from the configuration to the report; reads from top to bottom."""

import logging
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.evaluate import EvaluationResult, evaluate
from skelmap.evaluation.examples import Examples, ExampleWindows, pick_windows, sample_latents
from skelmap.evaluation.frame_scores import Predictions
from skelmap.evaluation.report import Report, write_report
from skelmap.evaluation.results import alarms_table, console_table, write_results, write_unevaluated
from skelmap.models.base import Model
from skelmap.training import run_dir
from skelmap.training.autotune import Autotune
from skelmap.training.calibration import model_title, validation_scores, write_calibration
from skelmap.training.callbacks import FirstBatch, PredictionCollector
from skelmap.training.checkpoints import (
    check_progress,
    copy_checkpoint,
    load_checkpoint,
    load_weights,
)
from skelmap.training.config_check import resolve
from skelmap.training.evaluation_counter import count_evaluation
from skelmap.training.instantiate import instantiate, partial_of
from skelmap.training.loggers import closing, log_results, scalars
from skelmap.training.prepare import Parts, data_warnings, prepare
from skelmap.utils.errors import UserError
from skelmap.utils.io import stdout_console
from skelmap.utils.names import flatten
from skelmap.utils.redaction import hide_secrets
from skelmap.utils.runtime import peak_memory_mb

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, Any]:
    """Train a model on normal recordings, evaluate it on the test split if there is one, write the run directory.

    Args:
        cfg: the configuration composed from conf/train.yaml.

    Returns:
        The content of metrics.json; `val_loss` is the lowest validation loss.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    config = resolve(cfg)
    folder = Path(config["paths"]["output_dir"])
    metrics = run_dir.finished_metrics(folder, config)
    if metrics is not None:
        run_dir.check_data(folder, instantiate(config["data"]))
        log.info("%s: already finished, nothing to do", folder)
        return metrics
    parts = prepare(config)
    with _logging(parts):
        if config["train"]:
            _train(parts)
        else:
            _use_checkpoint(parts)
        test, val = predict(parts)
        if not parts.trainer.is_global_zero:  # of several processes, the first one evaluates and writes
            return {}
        write_calibration(folder, parts.model, parts.data, val)
        return conclude(parts, test, val) if test else _conclude_without_test(parts)


def fit(cfg: DictConfig, watcher: Callback) -> list[float]:
    """Train a model and evaluate nothing: no test window is scored.

    Args:
        cfg: the configuration composed from conf/train.yaml.
        watcher: a further callback; may end the training by raising.

    Returns:
        val/loss of each validated epoch, nats a window.

    Raises:
        UserError: the configuration or the data are at fault.
    """
    parts = prepare(resolve(cfg), "fit")
    parts.trainer.callbacks.insert(0, watcher)
    with _logging(parts):
        _train(parts)
    losses = [loss for loss in parts.history.epochs.get("val/loss", []) if not math.isnan(loss)]
    if not losses:
        raise UserError("no epoch has a val/loss: it needs validation recordings")
    return losses


def _train(parts: Parts) -> None:
    """Train, resuming if there is a checkpoint; load the best weights into the model and copy their checkpoint."""
    trainer, model, checkpoint = parts.trainer, parts.model, parts.checkpoint
    own = run_dir.best_checkpoint(parts.folder)
    if checkpoint is None:
        _fit(parts)
    else:
        check_progress(checkpoint.path, checkpoint.content, trainer)
        with _blaming(checkpoint.path, trainer) as first:
            _fit(parts, ckpt_path=checkpoint.path, weights_only=True)
        if not first.done:
            log.warning(
                "%s: trained for %d epochs, nothing is left of trainer.max_epochs=%s",
                *(checkpoint.path, trainer.current_epoch, trainer.max_epochs),
            )
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if not best:  # without optimiser steps, as of the baselines, Lightning's callback saves nothing
        trainer.save_checkpoint(own)
        return
    if trainer.is_global_zero:
        copy_checkpoint(Path(best), own)
    load_weights(model, load_checkpoint(Path(str(trainer.strategy.broadcast(str(own))))))


def _fit(parts: Parts, **checkpoint: Any) -> None:
    """Train.

    Raises:
        UserError: Lightning refuses the configuration of the trainer, or no epoch was trained at all.
    """
    try:
        parts.trainer.fit(parts.model, parts.data, **checkpoint)
    except MisconfigurationException as error:
        raise UserError(f"trainer: {error}") from error
    if not checkpoint and not parts.trainer.fit_loop.epoch_progress.current.completed:
        raise UserError(f"no epoch was trained in trainer.max_time={parts.config['trainer'].get('max_time')}")


def _use_checkpoint(parts: Parts) -> None:
    """Load the weights and the history of the checkpoint that is to be evaluated, and copy it."""
    assert parts.checkpoint is not None  # `check` requires ckpt_path
    path, content = parts.checkpoint
    history = content.get("callbacks", {}).get(parts.history.state_key)
    try:
        load_weights(parts.model, content)
        if history is not None:
            parts.history.load_state_dict(history)
    except Exception as error:
        raise UserError(f"ckpt_path={path}: damaged ({_first_line(error)})") from error
    if parts.trainer.is_global_zero:
        copy_checkpoint(path, run_dir.best_checkpoint(parts.folder))


def predict(parts: Parts) -> tuple[Predictions | None, Predictions | None]:
    """Score every test and validation window with the model's weights.

    Returns:
        Of the test split and of the validation split; None without windows.
    """
    trainer, model, data = parts.trainer, parts.model, parts.data
    splits = data.scored_splits
    if not splits:
        return None, None
    collector = PredictionCollector([len(data.scored_starts(split)) for split in splits])
    trainer.callbacks.append(collector)
    if not sys.stdout.isatty():
        log.info("scoring %d windows", sum(len(data.scored_starts(split)) for split in splits))
    trainer.predict(model, data, return_predictions=False)
    model.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
    found: dict[str, Predictions] = {}
    for number, split in enumerate(splits):
        scores = collector.scores(number)
        if scores is not None:
            rows = data.splits.eval_rows(split, scores.start)
            found[split] = Predictions(rows, scores.score, scores.latent, data.window)
    return found.get("test"), found.get("val")


def conclude(parts: Parts, test: Predictions, val: Predictions | None) -> dict[str, Any]:
    """Evaluate the scores; write, log and print the results.

    Args:
        parts: of the run.
        test: scores of the test windows.
        val: scores of the validation windows, for thresholds; None without any.

    Returns:
        The content of metrics.json.

    Raises:
        UserError: the scores are NaN.
    """
    trainer, data = parts.trainer, parts.data
    log.info("evaluating")
    validation = validation_scores(data, val) if val else None
    result = evaluate(test, data.splits.eval_index("test"), parts.config["seed"], validation)
    looks = count_evaluation(data, parts.config, model_title(parts.model, data))
    log.info("writing the report")
    report = write_report(parts.folder, replace(_report(parts, result, test), test_evaluations=looks))
    # metrics.json comes last: a folder that has it is finished
    facts = {**_facts(parts), "test_evaluations": looks}
    if result.warning:
        facts["warnings"].append(result.warning)
        log.warning(result.warning)
    metrics = write_results(parts.folder, result, facts)
    for logger in trainer.loggers:
        logger.log_metrics(scalars(metrics))
    log_results(trainer.loggers, result, report)
    for table in filter(None, [console_table(result, model_title(parts.model, data)), alarms_table(result)]):
        stdout_console().print(table)
    if result.detection.reason:
        log.info("no threshold for %s", result.detection.reason)
    if looks:
        log.info("different runs that evaluated these test recordings: %d", looks)
    log.info("report: %s", report)
    return metrics


def _conclude_without_test(parts: Parts) -> dict[str, Any]:
    """Write and log what there is without a test split: the model, its calibration and the facts of the training."""
    metrics = write_unevaluated(parts.folder, "no recordings of split test", _facts(parts))
    for logger in parts.trainer.loggers:
        logger.log_metrics(scalars(metrics))
    log.info(
        "%s has no recordings of split test: nothing to evaluate, no report; use the model with "
        "skelmap monitor checkpoint=%s source=...",
        *(parts.data.name, parts.folder),
    )
    return metrics


def _report(parts: Parts, result: EvaluationResult, test: Predictions) -> Report:
    """Gather the content of the report."""
    data, index, name = parts.data, parts.data.splits.eval_index("test"), model_title(parts.model, parts.data)
    return Report(
        title=f"{name} on {data.name}",
        model=name,
        data=data.name,
        simulated=data.simulated,
        result=result,
        examples=_examples(parts.model, data, pick_windows(test, index)),
        latents=sample_latents(test, index, parts.config["seed"]),
        history=parts.history.epochs,
        config_yaml=run_dir.config_yaml(parts.config),
        versions=run_dir.versions(),
        notes=[*data_warnings(parts.config, parts.model, data), *filter(None, [result.warning])],
        plots={name: partial_of(node) for name, node in (parts.config.get("plots") or {}).items()},
    )


def _examples(model: Model, data: SkeletonDataModule, picked: ExampleWindows) -> Examples | None:
    """Reconstruct windows of T maps; None if the model reconstructs nothing, or keypoints."""
    if not isinstance(data.settings, MapSettings):
        return None
    with torch.inference_mode():
        start = torch.from_numpy(data.splits.rows("test")[picked.start]).to(model.device)
        maps = data.gather(start, data.seq_len)
        windows = maps if data.window > 1 else maps.flatten(0, 1).unsqueeze(1)  # (K, T, ...) -> (K*T, 1, ...)
        recon = model.eval().reconstruct(windows)
    if recon is None:
        return None
    original, reconstructed = (found.cpu().numpy() for found in (maps, recon.reshape(maps.shape).clamp(0, 1)))
    return Examples(original, reconstructed, picked.label, picked.title, picked.score, tuple(data.settings.channels))


def _facts(parts: Parts) -> dict[str, Any]:
    """Entries of metrics.json beside the evaluation."""
    history = parts.history
    losses = [loss for loss in history.epochs.get("val/loss", []) if math.isfinite(loss)]
    trained = (
        parts.trainer.current_epoch if parts.config["train"] else max(map(len, history.epochs.values()), default=0)
    )
    return {
        "model": model_title(parts.model, parts.data),
        "data": parts.data.name,
        "simulated": parts.data.simulated,
        "warnings": data_warnings(parts.config, parts.model, parts.data),
        "fps": parts.data.fps,
        "seed": parts.config["seed"],
        "epochs": trained,
        "val_loss": min(losses) if losses else None,
        "parameters": sum(weights.numel() for weights in parts.model.parameters()),
        "training_step": next((str(one.way) for one in parts.trainer.callbacks if isinstance(one, Autotune)), None),
        "train_seconds": round(history.seconds, 1),
        "peak_memory_mb": peak_memory_mb(),
    }


@contextmanager
def _blaming(path: Path, trainer: pl.Trainer) -> Iterator[FirstBatch]:
    """Report an error before the end of the first batch as a fault of the checkpoint."""
    first = FirstBatch()
    trainer.callbacks.append(first)
    try:
        yield first
    except Exception as error:
        if first.done or isinstance(error, UserError):
            raise
        raise UserError(f"ckpt_path={path}: training cannot resume from it ({_first_line(error)})") from error
    finally:
        trainer.callbacks.remove(first)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def _logging(parts: Parts) -> Iterator[None]:
    """Log the configuration; close the loggers in any case.

    Raises:
        UserError: Lightning refuses the combination of callbacks, loggers and trainer.
    """
    with closing(parts.trainer.loggers):
        for logger in parts.trainer.loggers:  # models and data log none themselves: theirs would be nested
            logger.log_hyperparams(flatten(hide_secrets(parts.config), "/"))
        try:
            yield
        except MisconfigurationException as error:
            raise UserError(" ".join(str(error).split())) from error

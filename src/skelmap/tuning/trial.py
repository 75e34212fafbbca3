"""Compose the configuration of a trial and train it."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException
from optuna import TrialPruned
from optuna.trial import Trial, TrialState
from pytorch_lightning.callbacks import Callback

import skelmap.training.resolvers  # noqa: F401  registers ${from_model:KEY}
from skelmap.training.callbacks import DivergedError
from skelmap.training.run import fit
from skelmap.training.run_dir import record_failure
from skelmap.utils.errors import UserError
from skelmap.utils.hydra_app import unknown_key_messages

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BaseConfig:
    """The configuration that all trials share.

    Attributes:
        folder: absolute path of the folder with train.yaml.
        overrides: those of the command line, as for `skelmap train`.
    """

    folder: Path
    overrides: tuple[str, ...]

    def compose(self, output_dir: Path, *values: str) -> DictConfig:
        """Compose a configuration as `skelmap train` does, without a progress bar.

        Args:
            output_dir: run folder.
            values: further overrides.

        Raises:
            UserError: an override is invalid or not allowed in tuning.
        """
        try:
            with initialize_config_dir(str(self.folder), version_base="1.3"):
                cfg = compose("train", [*self.overrides, *values, f"paths.output_dir='{output_dir}'"])
        except (HydraException, OmegaConfBaseException) as error:
            unknown = unknown_key_messages(self.overrides, "train")
            raise UserError("; ".join(unknown) or " ".join(str(error).split())) from None
        if not cfg.train or cfg.ckpt_path:
            raise UserError("train=false and ckpt_path are not allowed in tuning: every trial trains a new model")
        with open_dict(cfg):
            if cfg.get("callbacks"):
                cfg.callbacks.pop("progress", None)
            cfg.trainer.enable_progress_bar = False
        return cfg


class ReportLoss(Callback):
    """Reports every validation loss to Optuna.

    Args:
        trial: the trial that is trained.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report val/loss.

        Raises:
            TrialPruned: the loss is not finite, or worse than the median of the other trials at this epoch.
        """
        if trainer.sanity_checking or "val/loss" not in trainer.callback_metrics:
            return
        loss = float(trainer.callback_metrics["val/loss"])
        self.trial.report(loss, trainer.current_epoch)
        if not math.isfinite(loss) or self.trial.should_prune():
            raise TrialPruned(f"val/loss {loss:.4g} at epoch {trainer.current_epoch + 1}")


def run_trial(trial: Trial, cfg: DictConfig) -> tuple[TrialState, float | None]:
    """Train in the trial's folder, from its last checkpoint if there is one; an error is written to failed.txt.

    Returns:
        The final state, and the lowest val/loss of a completed trial.
    """
    epochs = logging.getLogger("skelmap.training.callbacks")
    level = epochs.level
    epochs.setLevel(logging.WARNING)  # tuning prints a line a trial, not one an epoch
    try:
        return TrialState.COMPLETE, min(fit(cfg, ReportLoss(trial)))
    except (TrialPruned, DivergedError):
        return TrialState.PRUNED, None
    except Exception as error:  # the other trials are not affected
        record_failure(Path(cfg.paths.output_dir), error)
        log.error("%s: %s", cfg.paths.output_dir, error)
        return TrialState.FAIL, None
    finally:
        epochs.setLevel(level)

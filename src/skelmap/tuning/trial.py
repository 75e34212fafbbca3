"""Compose and train one trial."""

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

from skelmap.training.callbacks import DivergedError
from skelmap.training.run import fit
from skelmap.training.run_dir import record_failure
from skelmap.utils.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """The configuration's folder and the overrides of the command line.

    Attributes:
        conf: the folder of train.yaml, absolute.
        overrides: as train.py takes them.
    """

    conf: Path
    overrides: tuple[str, ...]

    def compose(self, folder: Path, *values: str) -> DictConfig:
        """Compose a configuration as train.py does, without its progress bar: a search prints a line a trial.

        Args:
            folder: where the run writes.
            values: further overrides.

        Raises:
            UserError: an override is wrong, or not for a search.
        """
        try:
            with initialize_config_dir(str(self.conf), version_base="1.3"):
                cfg = compose("train", [*self.overrides, *values, f"paths.output_dir='{folder}'"])
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(" ".join(str(error).split())) from None
        if not cfg.train or cfg.ckpt_path:
            raise UserError("train=false and ckpt_path are not for a search: every trial is trained from its start")
        with open_dict(cfg):
            cfg.callbacks.pop("progress", None)
            cfg.trainer.enable_progress_bar = False
        return cfg


log = logging.getLogger(__name__)


class ReportLoss(Callback):
    """Tell Optuna the loss on validation recordings at the end of every epoch.

    Args:
        trial: what is trained.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report.

        Raises:
            TrialPruned: the loss is not finite, or worse than the median of the other trials at this epoch.
        """
        if "val/loss" not in trainer.callback_metrics:
            return
        loss = float(trainer.callback_metrics["val/loss"])
        self.trial.report(loss, trainer.current_epoch)
        if not math.isfinite(loss) or self.trial.should_prune():
            raise TrialPruned(f"val/loss {loss:.4g} at epoch {trainer.current_epoch + 1}")


def run_trial(trial: Trial, cfg: DictConfig) -> tuple[TrialState, float | None]:
    """Train in the trial's folder, going on from its last checkpoint if there is one.

    A failure is kept in failed.txt.

    Returns:
        How it ended, and of a completed trial the lowest val/loss.
    """
    try:
        return TrialState.COMPLETE, min(fit(cfg, ReportLoss(trial)))
    except (TrialPruned, DivergedError):
        return TrialState.PRUNED, None
    except Exception as error:  # the other trials go on
        record_failure(Path(cfg.paths.output_dir), error)
        log.error("%s: %s", cfg.paths.output_dir, error)
        return TrialState.FAIL, None

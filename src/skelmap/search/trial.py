"""One trial: train, report the loss on validation recordings at every epoch, stop where it is hopeless."""

import logging
import math
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig
from optuna import TrialPruned
from optuna.trial import Trial, TrialState
from pytorch_lightning.callbacks import Callback

from skelmap.callbacks import Diverged
from skelmap.experiment import fit
from skelmap.provenance import record_failure

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
    except (TrialPruned, Diverged):
        return TrialState.PRUNED, None
    except Exception as error:  # the other trials go on
        record_failure(Path(cfg.paths.output_dir), error)
        log.error("%s: %s", cfg.paths.output_dir, error)
        return TrialState.FAIL, None

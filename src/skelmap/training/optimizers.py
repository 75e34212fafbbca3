"""Optimiser and learning rate schedule of the configuration, in place of those of the model."""

import sys
from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from skelmap.models.base import Model
from skelmap.utils.errors import UserError
from skelmap.utils.schema import parameters

CHANGED_BY_SCHEDULE = ("betas", "momentum")
"""What a one-cycle schedule changes beside the learning rate."""


class StepPlateau(Callback):
    """Step schedules that watch the validation loss after each validation.

    Lightning steps them after it has saved the checkpoint of the epoch: a resumed run would miss a step.
    """

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Step each of them."""
        for config in trainer.lr_scheduler_configs if not trainer.sanity_checking else ():
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(float(trainer.callback_metrics[str(config.monitor)]))


def set_optimizer(
    model: Model,
    optimizer: Callable[[Iterable[Tensor]], Optimizer] | None,
    scheduler: Callable[..., Any] | None,
    resumed: Mapping[str, Any] | None = None,
) -> None:
    """Let a model be trained with another optimiser, with a schedule, or with both.

    Args:
        model: its `configure_optimizers` is replaced.
        optimizer: makes an optimiser of parameters; None keeps that of the model.
        scheduler: makes a schedule of an optimiser; None keeps the learning rate. One with the parameter `total_steps`
            gets the number of batches of the training and steps after each of them, every other one after each epoch.
        resumed: content of the checkpoint that training resumes from.

    Raises:
        UserError: when training begins, if the schedule refuses the optimiser, or the checkpoint has other ones.
    """
    own = model.configure_optimizers

    def configure_optimizers(module: Model) -> Any:
        made = optimizer(module.parameters()) if optimizer else own()
        if not isinstance(made, Optimizer):
            if scheduler:
                raise UserError(f"scheduler: {module.title} has no optimiser, or more than one; choose one as well")
            return made
        schedule = {"lr_scheduler": _schedule(scheduler, made, module)} if scheduler else {}
        if resumed is not None:
            _check_resumed(made, schedule, resumed)
        return {"optimizer": made, **schedule}

    model.configure_optimizers = MethodType(configure_optimizers, model)


def _schedule(scheduler: Callable[..., Any], optimizer: Optimizer, model: Model) -> dict[str, Any]:
    """Make a schedule in the form that Lightning takes."""
    by_batch = "total_steps" in parameters(getattr(scheduler, "func", scheduler))
    given = getattr(scheduler, "keywords", {})
    steps = {} if not by_batch or given.get("total_steps") else {"total_steps": _batches(model)}
    try:
        made = scheduler(optimizer, **steps)
    except (TypeError, ValueError) as error:
        raise UserError(f"scheduler: {error}") from error
    interval, every = "step" if by_batch else "epoch", 1
    if isinstance(made, ReduceLROnPlateau):
        every = sys.maxsize  # never by Lightning, but by StepPlateau
    return {"scheduler": made, "interval": interval, "frequency": every, "monitor": "val/loss"}


def _batches(model: Model) -> int:
    return int(model.trainer.estimated_stepping_batches)


def _check_resumed(optimizer: Optimizer, schedule: Mapping[str, Any], resumed: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another optimiser or schedule, whose values would replace the configured ones.

    Raises:
        UserError: naming the first value that differs.
    """
    before = resumed["lr_schedulers"][0] if resumed["lr_schedulers"] else None
    if bool(schedule) != (before is not None):
        raise UserError(f"scheduler: the checkpoint was trained with{'out' if schedule else ''} one; choose the same")
    if schedule and before is not None:
        now = schedule["lr_scheduler"]["scheduler"].state_dict()
        if before.get("total_steps") != now.get("total_steps"):
            raise UserError(
                f"scheduler: the checkpoint's ends after {before.get('total_steps')} batches, this one after "
                f"{now.get('total_steps')}; resume with the trainer.max_epochs and data of the checkpoint"
            )
    free = ("params", "lr", *(CHANGED_BY_SCHEDULE if schedule else ()))
    group = resumed["optimizer_states"][0]["param_groups"][0]
    for key, value in optimizer.param_groups[0].items():
        if key not in free and (was := group.get(key, value)) != value:
            raise UserError(f"optimizer: the checkpoint was trained with {key}={was}; allowed is that, not {value}")

"""What a run allows of Lightning's Trainer: keys that would be ignored, or spoil a run, are refused with the reason."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from skelmap.utils.errors import UserError
from skelmap.utils.schema import STRICT, PositiveInt, validate

SHORTER_EPOCHS = "+trainer.limit_train_batches=N makes epochs of N batches"
ALL_TEST_WINDOWS = "null: all test windows are scored; trainer=debug is a short trial"
Share = Annotated[float, Field(gt=0, le=1)]


class TrainerConfig(BaseModel):
    """Keys of Lightning's Trainer with limits of their own; the others have Lightning's."""

    model_config = ConfigDict(**{**STRICT, "extra": "allow"})
    max_epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    max_steps: Annotated[Literal[-1], Field(description=f"-1: trainer.max_epochs counts; {SHORTER_EPOCHS}")] = -1
    limit_train_batches: Annotated[
        PositiveInt | Share | None, Field(description="null, a number of batches from 1, or a share above 0 up to 1.0")
    ] = None
    limit_val_batches: Annotated[
        Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, le=1)] | None,
        Field(description="null, a number of batches, or a share from 0.0 to 1.0"),
    ] = None
    limit_test_batches: Annotated[None, Field(description=ALL_TEST_WINDOWS)] = None
    limit_predict_batches: Annotated[None, Field(description=ALL_TEST_WINDOWS)] = None
    fast_dev_run: Annotated[Literal[False], Field(description="false; trainer=debug is a short trial")] = False
    overfit_batches: Annotated[Literal[0], Field(description=f"0: windows are in random order; {SHORTER_EPOCHS}")] = 0
    check_val_every_n_epoch: PositiveInt = 1
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    strategy: Literal["auto", "ddp"] = "auto"
    num_nodes: Annotated[Literal[1], Field(description="1: the devices of one machine")] = 1
    use_distributed_sampler: Annotated[
        Literal[False], Field(description="false: the data divide every batch among the devices")
    ]
    enable_checkpointing: Annotated[
        Literal[True], Field(description="true: the checkpoint of the best epoch is evaluated")
    ] = True
    barebones: Annotated[Literal[False], Field(description="false: a run keeps losses and checkpoints")] = False
    logger: Annotated[None, Field(description="null; loggers are chosen with logger=..., ~logger for none")] = None
    callbacks: Annotated[None, Field(description="null; callbacks are those of the group callbacks")] = None
    plugins: Annotated[None, Field(description="null")] = None
    model_registry: Annotated[None, Field(description="null")] = None


def check_trainer(node: Mapping[str, Any]) -> None:
    """Refuse keys of the trainer that would be ignored or spoil a run.

    Args:
        node: group `trainer` of the resolved configuration.

    Raises:
        UserError: naming the key, its value, and what is allowed.
    """
    validate(TrainerConfig, node, "trainer")
    interval = node.get("val_check_interval")
    if interval is not None and (interval != 1 or not isinstance(interval, float)):  # 1 is a number of batches
        raise UserError(f"trainer.val_check_interval={interval}; allowed: 1.0, the end of an epoch; {SHORTER_EPOCHS}")
    every, epochs = node.get("check_val_every_n_epoch", 1), node["max_epochs"]
    if every > epochs:
        raise UserError(
            f"trainer.check_val_every_n_epoch={every}; allowed: up to trainer.max_epochs={epochs}, or "
            "+trainer.limit_val_batches=0 for no validation"
        )

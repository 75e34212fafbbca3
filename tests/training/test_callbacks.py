"""Seeds of epochs, the history of losses, collected predictions."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hydra_config import Compose
from skelmap.models.base import WindowScores
from skelmap.training.callbacks import EpochSeed, History, PredictionCollector
from skelmap.training.run import run


def noise_of(seed: int, epoch: int, rank: int = 0) -> torch.Tensor:
    EpochSeed(seed).on_train_epoch_start(SimpleNamespace(current_epoch=epoch, global_rank=rank), None)
    return torch.randn(5)


def test_the_noise_of_an_epoch_depends_on_seed_epoch_and_process_alone() -> None:
    first = noise_of(0, 3)
    torch.randn(100)
    assert torch.equal(noise_of(0, 3), first)
    assert not torch.equal(noise_of(0, 4), first)
    assert not torch.equal(noise_of(1, 3), first)
    assert not torch.equal(noise_of(0, 3, rank=1), first), "processes draw their own"


def end_epoch(history: History, **metrics: float) -> None:
    values = {key: torch.tensor(value) for key, value in metrics.items()}
    trainer = SimpleNamespace(callback_metrics=values, is_global_zero=True, current_epoch=0, max_epochs=2)
    history.on_train_epoch_end(trainer, None)


def test_the_history_is_kept_in_the_checkpoint() -> None:
    before, after = History(), History()
    end_epoch(before, loss=2.0)
    after.load_state_dict(before.state_dict())
    end_epoch(after, loss=1.0)
    assert after.epochs == {"loss": [2.0, 1.0]}
    assert before.epochs == {"loss": [2.0]}
    assert after.seconds > before.seconds > 0


def test_without_a_terminal_every_epoch_is_a_line_with_losses_and_the_time_left(
    task: Path, compose: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    small = ("model=ae", "model.channels=[2,4]", "data.seq_len=8", "data.window_stride=6", "trainer=cpu")
    with caplog.at_level(logging.INFO, "skelmap"):
        run(compose("data=manifest", f"data.manifest={task}", *small, "trainer.max_epochs=3"))
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    pattern = r"epoch {}/3  train/loss [\d.e+]+  val/loss [\d.e+]+  \d+ s left"
    assert len(lines) == 3
    assert all(re.fullmatch(pattern.format(i + 1), line) for i, line in enumerate(lines))
    assert lines[-1].endswith("  0 s left")


@pytest.mark.parametrize("latents", [3, None])
def test_predictions_of_each_loader_are_collected_in_order(latents: int | None) -> None:
    sizes = [(4, 4, 2), (), (3, 1)]
    batches = [[random_scores(size, latents) for size in of_loader] for of_loader in sizes]
    collector = PredictionCollector([20, 5, 4])  # some windows are not scored
    for loader, of_loader in enumerate(batches):
        for number, outputs in enumerate(of_loader):
            collector.on_predict_batch_end(None, None, outputs, None, number, loader)
    assert collector.scores(1) is None
    for loader in (0, 2):
        for found, parts in zip(collector.scores(loader), zip(*batches[loader], strict=True), strict=True):
            assert found is None if parts[0] is None else torch.equal(found, torch.cat(parts))


def random_scores(count: int, latents: int | None) -> WindowScores:
    latent = None if latents is None else torch.rand(count, latents)
    return WindowScores(torch.arange(count), torch.rand(count), latent)

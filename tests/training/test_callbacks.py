"""Progress without a terminal, the seed of each epoch, the history of losses."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch

from hydra_config import Compose
from skelmap.models.base import WindowScores
from skelmap.training.callbacks import EpochSeed, History, PredictionCollector
from skelmap.training.run import run

SMALL = ("data=manifest", "model=ae", "data.seq_len=8", "data.window_stride=6", "trainer=cpu", "trainer.max_epochs=3")


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


def epoch_ends(history: History, **metrics: float) -> None:
    trainer = SimpleNamespace(callback_metrics={k: torch.tensor(v) for k, v in metrics.items()})
    history.on_train_epoch_end(trainer, None)


def test_the_history_travels_in_the_checkpoint() -> None:
    before, after = History(), History()
    epoch_ends(before, loss=2.0)
    after.load_state_dict(before.state_dict())
    epoch_ends(after, loss=1.0)
    assert after.epochs == {"loss": [2.0, 1.0]}
    assert before.epochs == {"loss": [2.0]}
    assert after.seconds > before.seconds > 0


def test_without_a_terminal_every_epoch_is_a_line_with_losses_and_the_time_left(
    task: Path, compose: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "skelmap"):
        run(compose(*SMALL, f"data.manifest={task}"))
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    pattern = r"epoch {}/3  train/loss [\d.e+]+  val/loss [\d.e+]+  \d+ s left"
    assert len(lines) == 3
    assert all(re.fullmatch(pattern.format(i + 1), line) for i, line in enumerate(lines))
    assert lines[-1].endswith("  0 s left")


def test_the_history_of_a_resumed_run_is_whole(task: Path, compose: Compose, tmp_path: Path) -> None:
    data = f"data.manifest={task}"
    run(compose(*SMALL, data, "trainer.max_epochs=2", run=tmp_path / "half"))
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    run(compose(*SMALL, data, f"ckpt_path={last}", run=tmp_path / "resumed"))
    histories = []
    for name in ("half", "resumed"):
        saved = torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        histories.append(next(v["epochs"]["val/loss"] for k, v in saved["callbacks"].items() if "History" in k))
    assert [len(losses) for losses in histories] == [2, 3]
    assert histories[1][:2] == histories[0]


def test_an_error_in_training_gives_the_terminal_back(
    task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr("rich.progress.Progress.stop", lambda _: stopped.append(True))
    monkeypatch.setattr("skelmap.models.AE.training_step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(compose(*SMALL, f"data.manifest={task}"))
    assert stopped
    pl.seed_everything(0, verbose=False)


def test_scores_are_kept_in_the_order_of_the_loader_up_to_the_last_scored() -> None:
    for latents in (3, None):
        said = [
            WindowScores(torch.arange(n), torch.rand(n), None if latents is None else torch.rand(n, latents))
            for n in (4, 4, 2)
        ]
        keep = PredictionCollector(count=20)
        assert keep.scores() is None
        for batch, outputs in enumerate(said):
            keep.on_predict_batch_end(None, None, outputs, None, batch)
        for kept, parts in zip(keep.scores(), zip(*said, strict=True), strict=True):
            assert kept is None if parts[0] is None else torch.equal(kept, torch.cat(parts))


def test_the_report_shows_the_epochs_after_the_best_one(
    task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scoring loads the best epoch's checkpoint, whose history ends there."""
    reports = []
    monkeypatch.setattr("skelmap.training.run.write_report", lambda folder, report: reports.append(report) or folder)
    run(compose(*SMALL, f"data.manifest={task}"))
    losses = reports[0].history["val/loss"]
    assert len(losses) == 3 and losses[-1] > min(losses)

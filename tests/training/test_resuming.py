"""A run that continues from the checkpoint of another run: best epoch, weights, learning rate, independence."""

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch

from hydra_config import Compose, compose_train
from skelmap.models.ae import AE
from skelmap.monitor.scorers import TorchScorer
from skelmap.training.run import run

SMALL = ("model=ae", "model.channels=[4,8]", "model.latent_dim=4", "data=manifest", "data.seq_len=8")
FAST = ("data.window_stride=6", "trainer=cpu", "trainer.max_epochs=2")
WORSE = "model.learning_rate=0.5"
"""With this rate an epoch increases the loss."""


@pytest.fixture(scope="module")
def first_run(task: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    paths = (f"paths.output_dir={folder}", f"paths.cache_dir={shared_cache}", f"data.manifest={task}")
    run(compose_train(*SMALL, *FAST, *paths))
    return folder


@pytest.fixture
def first(first_run: Path, tmp_path: Path) -> Path:
    """A copy of `first_run` that a test may delete."""
    return Path(shutil.copytree(first_run, tmp_path / "first"))


@pytest.fixture
def words(first: Path, task: Path) -> tuple[str, ...]:
    """Overrides for a run that continues from `first`."""
    return (*SMALL, *FAST, f"data.manifest={task}", f"ckpt_path={first}/checkpoints/last.ckpt")


def saved(folder: Path, name: str = "best") -> dict[str, object]:
    content: dict[str, object] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return content


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_best_epoch_of_the_earlier_run_is_kept_and_survives_an_interruption(
    words: tuple[str, ...], first: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*words, WORSE, "trainer.max_epochs=4")
    run(compose(*words, run=tmp_path / "whole"))
    last, best, before = saved(tmp_path / "whole", "last"), saved(tmp_path / "whole"), saved(first)
    assert last["epoch"] == 3 and last["optimizer_states"][0]["param_groups"][0]["lr"] == 0.5
    assert best["epoch"] < 2 and same(best["state_dict"], before["state_dict"])
    assert (tmp_path / "whole" / "scores.csv").read_text() == (first / "scores.csv").read_text()

    step = AE.training_step
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="interrupted"):

        def interrupted(model: AE, batch: object) -> torch.Tensor:
            if model.current_epoch == 3:
                raise RuntimeError("interrupted")
            return step(model, batch)

        patch.setattr(AE, "training_step", interrupted)
        run(compose(*words, run=tmp_path / "cut"))
    run(compose(*words, run=tmp_path / "cut"))
    assert (tmp_path / "cut" / "scores.csv").read_text() == (tmp_path / "whole" / "scores.csv").read_text()
    assert same(saved(tmp_path / "cut", "last")["state_dict"], last["state_dict"])
    histories = [callback_state(tmp_path / name, "History")["epochs"] for name in ("whole", "cut")]
    assert len(histories[0]["val/loss"]) == 4 and histories[0] == histories[1]

    shutil.rmtree(first)
    assert same(TorchScorer.open(tmp_path / "whole").model.state_dict(), {**before["state_dict"]})


def callback_state(folder: Path, name: str) -> dict[str, dict[str, list[float]]]:
    """State of a callback in the last checkpoint."""
    return next(state for key, state in saved(folder, "last")["callbacks"].items() if name in key)


def test_an_evaluated_checkpoint_is_copied(
    words: tuple[str, ...], first: Path, compose: Compose, tmp_path: Path
) -> None:
    run(compose(*words, "train=false", run=tmp_path / "evaluated"))
    last = saved(first, "last")["state_dict"]
    shutil.rmtree(first)
    assert same(TorchScorer.open(tmp_path / "evaluated").model.state_dict(), last)


def test_a_training_without_epochs_left_warns(
    words: tuple[str, ...], compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run(compose(*words, "trainer.max_epochs=1", run=tmp_path / "on"))
    assert any("trained for 2 epochs, nothing is left of trainer.max_epochs=1" in line for line in caplog.messages)
    metrics = json.loads((tmp_path / "on" / "metrics.json").read_text())
    assert metrics["epochs"] == 2 and (tmp_path / "on" / "checkpoints" / "best.ckpt").exists()

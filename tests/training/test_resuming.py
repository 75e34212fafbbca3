"""A run that goes on from another's checkpoint stands on its own: its best epoch, its weights, its learning rate."""

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch

from hydra_config import Compose
from skelmap.models.ae import AE
from skelmap.monitor.scorers import TorchScorer
from skelmap.training.run import run
from skelmap.utils.errors import UserError

SMALL = (
    "model=ae",
    "model.channels=[4,8]",
    "model.latent_dim=4",
    "data=manifest",
    "data.seq_len=8",
    "data.window_stride=6",
)
WORSE = "model.learning_rate=0.5"
"""With this rate an epoch spoils what was learnt."""


@pytest.fixture
def words(task: Path, compose: Compose, tmp_path: Path) -> tuple[str, ...]:
    """Overrides for runs like the one of two epochs that lies in begun/."""
    small = (*SMALL, f"data.manifest={task}", "trainer=cpu")
    run(compose(*small, "trainer.max_epochs=2", run=tmp_path / "begun"))
    return (*small, f"ckpt_path={tmp_path}/begun/checkpoints/last.ckpt")


def saved(run_folder: Path, name: str = "best") -> dict[str, object]:
    content: dict[str, object] = torch.load(run_folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return content


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_best_epoch_of_the_run_before_is_judged_and_watched_with(
    words: tuple[str, ...], compose: Compose, tmp_path: Path
) -> None:
    run(compose(*words, WORSE, "trainer.max_epochs=3", run=tmp_path / "on"))
    last, best, before = saved(tmp_path / "on", "last"), saved(tmp_path / "on"), saved(tmp_path / "begun")
    assert last["epoch"] == 2 and last["optimizer_states"][0]["param_groups"][0]["lr"] == 0.5
    assert best["epoch"] < 2 and same(best["state_dict"], before["state_dict"])
    assert (tmp_path / "on" / "scores.csv").read_text() == (tmp_path / "begun" / "scores.csv").read_text()
    shutil.rmtree(tmp_path / "begun")
    assert same(TorchScorer(tmp_path / "on").model.state_dict(), {**before["state_dict"]})


def test_interrupted_after_going_on_it_still_knows_the_best_epoch(
    words: tuple[str, ...], compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*words, WORSE, "trainer.max_epochs=4")
    run(compose(*words, run=tmp_path / "whole"))
    sound = AE.training_step
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="cut"):

        def cut(model: AE, batch: object) -> torch.Tensor:
            if model.current_epoch == 3:
                raise RuntimeError("cut")
            return sound(model, batch)

        patch.setattr(AE, "training_step", cut)
        run(compose(*words, run=tmp_path / "cut"))
    run(compose(*words, run=tmp_path / "cut"))
    assert (tmp_path / "cut" / "scores.csv").read_text() == (tmp_path / "whole" / "scores.csv").read_text()
    assert same(saved(tmp_path / "cut", "last")["state_dict"], saved(tmp_path / "whole", "last")["state_dict"])


def test_a_judged_run_has_its_checkpoint(words: tuple[str, ...], compose: Compose, tmp_path: Path) -> None:
    run(compose(*words, "train=false", run=tmp_path / "judged"))
    last = saved(tmp_path / "begun", "last")["state_dict"]
    shutil.rmtree(tmp_path / "begun")
    assert same(TorchScorer(tmp_path / "judged").model.state_dict(), last)


def test_where_nothing_is_left_to_train_it_says_so(
    words: tuple[str, ...], compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run(compose(*words, "trainer.max_epochs=1", run=tmp_path / "on"))
    assert any("trained for 2 epochs, nothing is left of trainer.max_epochs=1" in line for line in caplog.messages)
    numbers = json.loads((tmp_path / "on" / "metrics.json").read_text())
    assert numbers["epochs"] == 2 and (tmp_path / "on" / "checkpoints" / "best.ckpt").exists()


def test_another_beta_is_refused(task: Path, compose: Compose, tmp_path: Path) -> None:
    words = ("model=vae", *SMALL[1:], f"data.manifest={task}", "trainer=cpu", "trainer.max_epochs=1")
    run(compose(*words, run=tmp_path / "begun"))
    last = f"ckpt_path={tmp_path}/begun/checkpoints/last.ckpt"
    with pytest.raises(UserError, match=r"trained with model\.beta=1\.0; allowed is that, not 2"):
        run(compose(*words, last, "model.beta=2", "trainer.max_epochs=2", run=tmp_path / "on"))

"""A loss that is not finite, a test split of one class, a constant score."""

import json
from pathlib import Path

import pytest
import torch

from hydra_config import Compose
from skelmap.data.datamodule import Batch
from skelmap.models.ae import AE
from skelmap.models.baselines import MeanTemplate
from skelmap.skeletons.archives import write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_manifest

SMALL = (
    *("data=manifest", "data.img_size=14", "data.seq_len=8", "data.window_stride=4"),
    *("trainer=cpu", "trainer.max_epochs=3"),
)


@pytest.mark.parametrize(("step", "value"), [("training", float("nan")), ("validation", float("inf"))])
def test_a_loss_that_is_not_finite_names_its_clips_and_keeps_earlier_checkpoints(
    step: str, value: float, task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(AE, f"{step}_step")

    def invalid(model: AE, batch: Batch) -> torch.Tensor:
        return original(model, batch) + (value if model.current_epoch == 1 else 0)

    monkeypatch.setattr(AE, f"{step}_step", invalid)
    clips = "train_a, train_b" if step == "training" else "val"
    message = rf"epoch 2, {step} batch 1: the loss is {value}; its windows are of clip {clips}\. Checkpoints are of the"
    with pytest.raises(UserError, match=message):
        run(compose(*SMALL, f"data.manifest={task}", "model=ae", "model.channels=[2,4]"))
    for name in ("last", "best"):
        saved = torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert saved["epoch"] == 0
        assert all(weights.isfinite().all() for weights in saved["state_dict"].values())


def test_a_model_without_a_learning_rate_gets_no_advice_to_lower_it(
    task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeanTemplate, "validation_step", lambda self, batch: torch.tensor(torch.nan))
    message = r"validation batch 1: the loss is nan; .* clip val\. .* before\. Another look at these clips may help"
    with pytest.raises(UserError, match=message):
        run(compose(*SMALL, f"data.manifest={task}", "model=mean_template"))


@pytest.mark.parametrize(("abnormal", "kind"), [("", "normal"), ("all", "abnormal")])
def test_a_test_split_of_one_class_has_no_auroc_and_a_reason(
    abnormal: str, kind: str, compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("train", "test")):
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(30, seed), name))
    lines = [["train", "train.npz", "train", "a"], ["test", "test.npz", "test", "b", abnormal]]
    metrics = run(compose(*SMALL, f"data.manifest={write_manifest(tmp_path, lines)}", "model=mean_template"))
    reason = f"all 30 evaluated frames are {kind}; an AUROC needs normal and abnormal ones"
    assert (metrics["auroc"], metrics["auroc_reason"]) == (None, reason)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["auroc"] is None
    assert reason in (tmp_path / "run" / "report.html").read_text()
    assert reason in " ".join(capsys.readouterr().out.split())


def test_a_constant_score_is_chance(task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MeanTemplate, "score_windows", lambda self, x: (torch.full((len(x),), 1e6), None))
    metrics = run(compose(*SMALL, f"data.manifest={task}", "model=mean_template"))
    assert metrics["auroc"] == metrics["auroc_averaged"] == 0.5

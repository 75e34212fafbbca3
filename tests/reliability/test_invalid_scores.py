"""Numbers gone wrong: a loss that is not finite, a test split of one class, a score that says nothing."""

import json
from pathlib import Path

import pytest
import torch

from hydra_config import Compose
from skelmap.data.datamodule import Batch
from skelmap.models.ae import AE
from skelmap.models.baselines import MeanTemplate
from skelmap.skeletons.readers import write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_manifest

SMALL = (
    "data=manifest",
    "data.img_size=14",
    "data.seq_len=8",
    "data.window_stride=4",
    "trainer=cpu",
    "trainer.max_epochs=3",
)


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "inf"])
@pytest.mark.parametrize("step", ["training", "validation"])
def test_a_loss_that_is_not_finite_stops_with_its_clips_and_keeps_the_epochs_before(
    step: str, value: float, task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = getattr(AE, f"{step}_step")

    def goes_wrong(model: AE, batch: Batch) -> torch.Tensor:
        return sound(model, batch) + (value if model.current_epoch == 1 else 0)

    monkeypatch.setattr(AE, f"{step}_step", goes_wrong)
    clips = "train_a, train_b" if step == "training" else "val"
    words = rf"epoch 2, {step} batch 1: the loss is {value}; its windows are of clip {clips}\. Checkpoints are of the"
    with pytest.raises(UserError, match=words):
        run(compose(*SMALL, f"data.manifest={task}", "model=ae", "model.channels=[2,4]"))
    for name in ("last", "best"):
        saved = torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert saved["epoch"] == 0
        assert all(weights.isfinite().all() for weights in saved["state_dict"].values())


def test_a_model_without_a_learning_rate_is_not_told_to_lower_it(
    task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeanTemplate, "describe", lambda self, x: (torch.full((len(x),), torch.nan), None))
    words = r"validation batch 1: the loss is nan; .* clip val\. .* before\. Another look at these clips may help"
    with pytest.raises(UserError, match=words):
        run(compose(*SMALL, f"data.manifest={task}", "model=mean_template"))


@pytest.mark.parametrize(("abnormal", "kind"), [("", "normal"), ("all", "abnormal")])
def test_a_test_split_of_one_class_has_no_auroc_and_says_so(
    abnormal: str, kind: str, compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("train", "test")):
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(30, seed), name))
    lines = [["train", "train.npz", "train", "a"], ["test", "test.npz", "test", "b", abnormal]]
    numbers = run(compose(*SMALL, f"data.manifest={write_manifest(tmp_path, lines)}", "model=mean_template"))
    words = f"all 30 evaluated frames are {kind}; an AUROC needs normal and abnormal ones"
    assert (numbers["auroc"], numbers["auroc_reason"]) == (None, words)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["auroc"] is None
    assert words in (tmp_path / "run" / "report.html").read_text()
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_score_that_is_always_the_same_is_chance(
    task: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeanTemplate, "describe", lambda self, x: (torch.full((len(x),), 1e6), None))
    numbers = run(compose(*SMALL, f"data.manifest={task}", "model=mean_template"))
    assert numbers["auroc"] == numbers["auroc_averaged"] == 0.5

"""The way of computing a training step: measured, remembered, kept with the run, without effect on what is learnt."""

import json
import logging
from pathlib import Path

import pytest
from pytorch_lightning import Callback

from hydra_config import Compose
from skelmap.training import autotune
from skelmap.training.run import fit, run

SMALL = ("model=lstm_vae", "model.channels=[2,4]", "model.hidden_size=8", "data=manifest", "data.img_size=14")
FAST = ("data.seq_len=4", "data.window_stride=8", "trainer=cpu", "trainer.max_epochs=2")
BF16 = "trainer.precision=bf16-mixed"
CHOICE = {"layout": "contiguous", "float32": ["LSTM"]}


@pytest.fixture(autouse=True)
def tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune the short trainings of these tests, too."""
    monkeypatch.setattr(autotune, "MIN_STEPS", 1)
    monkeypatch.setattr(autotune, "SECONDS_EACH", 0.0)


def test_the_fastest_way_is_measured_once_and_kept_with_the_run(
    task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "MIN_GAIN", -1e9)  # every way that is tried counts as faster
    words = (*SMALL, *FAST, f"data.manifest={task}", BF16, f"paths.cache_dir={tmp_path}/cache")
    with caplog.at_level(logging.INFO, "skelmap"):
        first = run(compose(*words, run=tmp_path / "first"))
        (kept,) = (tmp_path / "cache" / "autotune").iterdir()
        times = json.loads(kept.read_text())["ms"]
        assert first["training_step"] == list(times)[-1] == "weights contiguous, LSTM and CNN in float32"
        kept.write_text(json.dumps(CHOICE))
        second = run(compose(*words, "trainer.max_epochs=1", run=tmp_path / "second"))
        assert second["training_step"] == "weights contiguous, LSTM in float32"
        kept.write_text("{}")  # damaged, and another choice would be measured
        resumed = f"ckpt_path={tmp_path}/second/checkpoints/last.ckpt"
        third = run(compose(*words, resumed, run=tmp_path / "third"))
    assert third["training_step"] == second["training_step"]
    assert sum(line.startswith("training step: ") for line in caplog.messages) == 2
    assert kept.read_text() == "{}"


def test_every_way_learns_the_same(task: Path, compose: Compose, tmp_path: Path) -> None:
    words = (*SMALL, *FAST, f"data.manifest={task}", f"paths.cache_dir={tmp_path}/cache", BF16)
    losses = [fit(compose(*words, "autotune=false", run=tmp_path / "off"), Callback())]
    assert not (tmp_path / "cache" / "autotune").exists()
    measured = fit(compose(*words, run=tmp_path / "on"), Callback())
    (kept,) = (tmp_path / "cache" / "autotune").iterdir()
    for layout, parts in (("channels_last", []), ("contiguous", []), ("contiguous", ["CNN", "LSTM"])):
        kept.write_text(json.dumps({"layout": layout, "float32": parts}))
        losses.append(fit(compose(*words, run=tmp_path / f"{layout}{len(parts)}"), Callback()))
    assert losses[1] == losses[0], "the default"
    assert losses[3] != losses[2], "bfloat16 and float32"
    for each in (measured, *losses):
        assert each == pytest.approx(losses[0], rel=0.01)

"""Settings that a run would silently ignore are refused, or named in the log and the report."""

import json
from pathlib import Path

import pytest

from hydra_config import Compose
from skelmap.training.run import run
from skelmap.utils.errors import UserError

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")


@pytest.mark.parametrize(
    ("override", "stated"),
    [("size=[1920,1080]", "[640, 480]"), ("layout=COCO_17", "BODY_25"), ("fps=12.5", "30.0")],
)
def test_a_pose_format_that_archives_contradict_is_refused(
    override: str, stated: str, task: Path, compose: Compose
) -> None:
    with pytest.raises(UserError) as error:
        run(compose(*QUICK, f"data.manifest={task}", "model=mean_template", f"data.pose_format.{override}"))
    said = str(error.value).replace(", ", ",")
    assert said.startswith(f"data.pose_format.{override}: the recordings have {stated.replace(', ', ',')}; ")


def test_settings_of_maps_without_effect_on_keypoints_are_named(
    task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("model=knn_keypoints", "model.latent_dim=4", "data.img_size=56", "data.maps.threshold=null")
    metrics = run(compose(*QUICK, f"data.manifest={task}", *words, "data.maps.crop_size=400"))
    warning = "without effect, the model's input are keypoints: data.img_size, data.maps.threshold"
    assert metrics["warnings"] == [warning] and warning in caplog.messages
    assert warning.partition(",")[0] in (tmp_path / "run" / "report.html").read_text()


def test_a_batch_larger_than_the_data_is_named(task: Path, compose: Compose, tmp_path: Path) -> None:
    words = ("model=ae", "model.channels=[2,4]", "data.window_stride=4")
    run(compose(*QUICK, f"data.manifest={task}", *words, "data.batch_size=31"))
    warning = "data.batch_size=31: only 30 training windows, so one batch an epoch"
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["warnings"] == [warning]

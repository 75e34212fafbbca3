"""JSON files state no layout, size and frame rate: the monitor takes those of the run, and refuses contradictions."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose, compose_train
from monitor_config import compose_monitor
from skelmap.data.input_spec import InputSpec
from skelmap.monitor.app import run_monitor
from skelmap.monitor.onnx_export import export
from skelmap.monitor.source_factory import open_sources
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.readers import PoseFormat
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import as_coco, make_clip, wave, write_manifest, write_openpose, write_toy_dataset
from synthetic_videos import write_video

FORMAT = PoseFormat(COCO_17, (1280, 960), 25.0)
QUICK = ("save_video=false", "evidence.seconds=null", "false_alarms_per_hour=1500")
DECLARED = ("data.pose_format.layout=COCO_17", "data.pose_format.size=[1280,960]", "data.pose_format.fps=25")


@pytest.fixture(scope="module")
def of_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with JSON recordings of 17 joints, 1280x960 px and 25 fps, task/, and a run on them, run/."""
    folder = tmp_path_factory.mktemp("json")
    lines = []
    parts: Sequence[tuple[str, str, list[bool]]] = (("a", "train", [False]), ("b", "val", [False]))
    for name, split, abnormal in (*parts, ("c", "test", [False, True, False]), ("d", "test", [True, False])):
        keypoints = np.concatenate([wave(60, ord(name), part) for part in abnormal]) * np.float32([2, 2, 1])
        clip = make_clip(keypoints, name, track=np.zeros(len(keypoints), np.int64))
        write_openpose(folder / "task" / name, as_coco(replace(clip, size=FORMAT.size, fps=FORMAT.fps)))
        spans = ";".join(f"{60 * i}-{60 * i + 60}" for i, part in enumerate(abnormal) if part)
        lines.append([name, name, split, name, spans])
    data = ("data=manifest", f"data.manifest={write_manifest(folder / 'task', lines)}", *DECLARED, "data.seq_len=8")
    model = ("trainer=cpu", "model=pca_windows", "model.latent_dim=8", "data.maps.crop_size=960")
    run(compose_train(*data, *model, f"paths.output_dir={folder}/run", f"paths.cache_dir={folder}/cache"))
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("exported", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_recordings_of_a_run_get_its_own_scores(
    exported: bool, of_json: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = of_json / "run"
    if exported:
        pytest.importorskip("onnxscript")
        export(of_json / "run", model := tmp_path / "onnx")
    words = (f"source={of_json}/task/manifest.csv", *QUICK)
    with caplog.at_level("INFO", "skelmap"):
        run_monitor(compose_monitor(model, tmp_path / "out", *words))
    said = [f"{key} (as in training)" for key in ("layout COCO_17", "size [1280, 960]", "fps 25.0")]
    assert f"pose format of the JSON files: {', '.join(said)}" in caplog.text
    events = json.loads((tmp_path / "out" / "monitor.json").read_text())["events"]
    assert (events["events"], events["detected"]) == (2, 2)
    rows = read_csv(tmp_path / "out" / "scores.csv")
    live = {(row["source"], int(row["frame"])): float(row["score"]) for row in rows}
    rows = read_csv(of_json / "run" / "scores.csv")
    own = {(row["clip"], int(row["frame"])): float(row["score"]) for row in rows if row["score"]}
    assert live.keys() == own.keys() and len(own) > 200
    assert [live[key] for key in own] == pytest.approx(list(own.values()), rel=1e-4)


def test_the_format_of_archives_is_the_most_common_one_in_training(compose: Compose, tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    for name, size in (("train_a", (800, 600)), ("train_b", (800, 600)), ("val", (1024, 768))):
        write_clip(manifest.with_name(f"{name}.npz"), replace(make_clip(wave(60), name), size=size))
    run(compose("data=manifest", f"data.manifest={manifest}", "model=mean_template", "data.seq_len=8", "trainer=cpu"))
    assert InputSpec.read(tmp_path / "run").pose_format == PoseFormat(BODY_25, (800, 600), 30.0)


def test_what_is_declared_has_priority_and_is_said(
    of_json: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = (f"source={of_json}/task/d", "pose_format.fps=12.5", *QUICK)
    with caplog.at_level("INFO"):
        run_monitor(compose_monitor(of_json / "run", tmp_path / "out", *words))
    assert "size [1280, 960] (as in training), fps 12.5 (given; 25.0 in training)" in caplog.text


@pytest.mark.parametrize(
    ("override", "stated"),
    [
        ("pose_format.size=[1280,960]", "[640, 480]"),
        ("pose_format.layout=COCO_17", "BODY_25"),
        ("pose_format.fps=15", "30.0"),
    ],
)
@pytest.mark.parametrize("kind", ["archive", "manifest"])
def test_a_declared_value_that_the_source_contradicts_is_refused(
    kind: str, override: str, stated: str, trained: Path, tmp_path: Path
) -> None:
    source = {"archive": "test_mixed.npz", "manifest": "manifest.csv"}[kind]
    key, value = override.split("=")
    with pytest.raises(UserError) as error:
        run_monitor(compose_monitor(trained / "run", tmp_path / "out", f"source={trained}/task/{source}", override))
    assert str(error.value).replace(" ", "").startswith(f"{key}={value}:test_mixedhas{stated.replace(' ', '')};")
    assert not (tmp_path / "out").exists()


def test_a_video_states_its_size_and_rate(trained: Path, tmp_path: Path, mediapipe_stand_in: None) -> None:
    video = write_video(tmp_path / "video.mp4")
    with open_sources(str(video), PoseFormat(), "mediapipe", None, False) as (source,):
        size = source.stated["size"]
    right, wrong = f"pose_format.size=[{size[0]},{size[1]}]", "pose_format.size=[1280,960]"
    words = (f"source={video}", "save_video=false")
    run_monitor(compose_monitor(trained / "run", tmp_path / "out", *words, right))
    with pytest.raises(UserError, match=r"pose_format\.size=\[1280, 960\]: video has "):
        run_monitor(compose_monitor(trained / "run", tmp_path / "out2", *words, wrong))

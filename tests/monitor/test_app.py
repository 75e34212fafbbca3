"""`skelmap monitor` from a trained run to events, videos and metrics."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import torch

from monitor_config import compose_monitor
from skelmap.evaluation.thresholds import SCORES_FILE
from skelmap.monitor.app import run_monitor
from skelmap.monitor.scorers import open_scorer
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_openpose
from synthetic_videos import write_video


def test_a_manifest_gives_events_videos_and_metrics_of_its_test_recordings(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = (f"source={trained}/task/manifest.csv", "threshold=1e-3", "evidence.seconds=1")
    run_monitor(compose_monitor(trained / "run", tmp_path / "out", *overrides))
    content = json.loads((tmp_path / "out" / "monitor.json").read_text())
    metrics = content["events"]
    assert (metrics["events"], metrics["detected"], metrics["false_alarms"]) == (2, 2, 0)
    assert metrics["median_delay"] < 1.0 and content["latency_ms"]["median"] > 0
    assert "false alarms" in capsys.readouterr().out
    with (tmp_path / "out" / "events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    assert [event["source"] for event in events] == ["test_mixed", "test_abnormal"]
    assert 2.5 <= float(events[0]["start"]) <= 2.6 and events[0]["joints"].count(" ") == 2
    video = cv2.VideoCapture(str(tmp_path / "out" / "test_mixed.webm"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 150 and video.read()[0]


def test_without_validation_scores_a_threshold_has_no_false_alarms(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "run" / SCORES_FILE).unlink()
    overrides = (f"source={trained}/task/test_normal.npz", "threshold=1", "save_video=false")
    run_monitor(compose_monitor(tmp_path / "run", tmp_path / "out", *overrides))
    assert json.loads((tmp_path / "out/monitor.json").read_text())["validation"] is None


def test_a_scorer_uses_one_thread(trained: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        open_scorer(trained / "run")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


def test_the_pose_estimator_is_logged_for_videos_only(
    trained: Path, tmp_path: Path, mediapipe_stand_in: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    estimators = []
    for number, source in enumerate((write_video(tmp_path / "video.mp4"), trained / "task/test_normal.npz")):
        output = tmp_path / str(number)
        run_monitor(compose_monitor(trained / "run", output, f"source={source}", "save_video=false"))
        estimators.append(json.loads((output / "monitor.json").read_text())["estimator"])
    assert estimators == ["mediapipe", None]
    assert caplog.text.count("pose estimator: mediapipe") == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["source=nothing.mp4"], "source=nothing.mp4: no such file or folder, nor a camera"),
        (["source={task}/manifest.csv", "follow=true"], "follow=true needs a folder of JSON files"),
        (["source={task}/manifest.csv", "false_alarms_per_hour=1"], "cannot be .* from 0.1 minutes"),
        (["source={task}/manifest.csv", "false_alarms_per_hour=0"], "false_alarms_per_hour=0; allowed: a number above"),
        (["source={task}/manifest.csv", "web.port=99999"], "web.port=99999; allowed: null or a whole number from 0 to"),
        (["source={task}/manifest.csv", "web=5"], "web=5; allowed: keys and values"),
        (["source={task}/manifest.csv", "threshold=inf"], "threshold=inf; allowed: null or a number"),
        (["source={task}/manifest.csv", "checkpoint=elsewhere"], "elsewhere: not the folder of a finished run"),
        (["source={task}/val.npz", "pose_format.layout=BODY_26"], "pose_format.layout=BODY_26; allowed: BODY_25"),
        (["source={task}/val.npz", "estimator=pose"], "estimator=pose: allowed: mediapipe, rtmo"),
        (
            ["source={task}/val.npz", "weights=x.onnx"],
            "weights=x.onnx: needs a camera or a video; val has keypoints",
        ),
        (["source={task}/val.npz", "save_camera_image=true"], "save_camera_image=true: needs a camera or a video"),
        (["source={task}", "follow=true", "realtime=true"], "realtime=true: is for recordings; task is live"),
        (["source={task}/val.npz", "web.host=0.0.0.0"], "web.host=0.0.0.0: needs web.port"),
        ([], "source is missing"),
    ],
)
def test_mistakes_are_reported_before_the_output_folder_is_made(
    overrides: list[str], message: str, trained: Path, tmp_path: Path
) -> None:
    formatted = [override.format(task=trained / "task") for override in overrides]
    with pytest.raises(UserError, match=message):
        run_monitor(compose_monitor(trained / "run", tmp_path / "out", *formatted))
    assert not (tmp_path / "out").exists()


def test_recordings_too_short_for_an_alarm_are_named(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quick = (f"source={trained / 'task'}/manifest.csv", "threshold=9", "save_video=false")
    run_monitor(compose_monitor(trained / "run", tmp_path / "out", *quick, "min_seconds=200"))
    assert "min_seconds=200: no alarm can be raised, the longest recording lasts 5 s" in caplog.text
    caplog.clear()
    run_monitor(compose_monitor(trained / "run", tmp_path / "short", *quick, "min_seconds=1"))
    assert "min_seconds" not in caplog.text


def test_an_unknown_key_is_compared_with_keys_of_the_monitor_only() -> None:
    command = [sys.executable, "-m", "skelmap", "monitor", "sources=0", "modle=ae"]  # `model` is a key of train
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "There is no key sources; did you mean source?\nThere is no key modle; --help lists all keys" in done.stderr


@pytest.mark.slow
def test_ctrl_c_leaves_complete_files(trained: Path, tmp_path: Path) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(60, abnormal=True), "cam"))
    overrides = (f"checkpoint={trained}/run", f"source={tmp_path}/now", "follow=true", f"output={tmp_path}/out")
    command = [sys.executable, "-m", "skelmap", "monitor", *overrides, "false_alarms_per_hour=800"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    try:
        deadline = time.monotonic() + 120
        events = tmp_path / "out/events.jsonl"
        while not (events.exists() and events.stat().st_size):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130 and "stopped by SIGINT" in text and "Traceback" not in text
    states = [json.loads(line)["state"] for line in events.read_text().splitlines()]
    assert states == ["raised", "ended"]
    assert json.loads((tmp_path / "out/monitor.json").read_text())["input_spec"]["window"] == 8
    (video,) = (tmp_path / "out").glob("now_*.webm")
    assert cv2.VideoCapture(str(video)).read()[0]

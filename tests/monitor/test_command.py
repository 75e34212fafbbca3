"""`skelmap monitor` as a user runs it: from a trained run to events, films and figures."""

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
from watching import monitor

from skelmap.monitor.app import open_scorer, watch
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_openpose
from synthetic_videos import write_video


def test_the_test_recordings_are_judged_event_by_event(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(monitor(trained, tmp_path / "out", f"source={trained}/task/manifest.csv", "threshold=1e-3"))
    content = json.loads((tmp_path / "out" / "monitor.json").read_text())
    assert (content["events"]["events"], content["events"]["detected"], content["events"]["false_alarms"]) == (2, 2, 0)
    assert content["events"]["median_delay"] < 1.0 and content["latency_ms"]["median"] > 0
    assert "false alarms" in capsys.readouterr().out
    with (tmp_path / "out" / "events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    assert [event["source"] for event in events] == ["test_mixed", "test_abnormal"]
    assert 2.5 <= float(events[0]["start"]) <= 2.6 and events[0]["joints"].count(" ") == 2
    film = cv2.VideoCapture(str(tmp_path / "out" / "test_mixed.webm"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 150 and film.read()[0]
    with pytest.raises(UserError, match="choose another folder"):
        watch(monitor(trained, tmp_path / "out", f"source={trained}/task/manifest.csv"))


def test_without_normal_scores_there_is_nothing_to_say_of_normal_work(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "run/validation_scores.npz").unlink()
    words = (f"checkpoint={tmp_path}/run", f"source={trained}/task/test_normal.npz", "threshold=1", "video=false")
    watch(monitor(trained, tmp_path / "out", *words))
    assert json.loads((tmp_path / "out/monitor.json").read_text())["normal_validation"] is None


def test_a_camera_takes_one_thread_for_others_watch_on_the_same_machine(trained: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        open_scorer(trained / "run")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_estimator_is_named_where_poses_are_found_in_pictures(
    trained: Path, tmp_path: Path, mediapipe_stand_in: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    named = []
    for number, source in enumerate((write_video(tmp_path / "video.mp4"), trained / "task/test_normal.npz")):
        watch(monitor(trained, tmp_path / str(number), f"source={source}", "video=false"))
        named.append(json.loads((tmp_path / str(number) / "monitor.json").read_text())["estimator"])
    assert named == ["mediapipe", None]
    assert caplog.text.count("the estimator mediapipe") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["source=nothing.mp4"], "source=nothing.mp4: no such file or folder, nor a camera"),
        (["source={task}/manifest.csv", "follow=true"], "follow=true waits for more files in a folder"),
        (["source={task}/manifest.csv", "false_alarms_per_hour=1"], "cannot be estimated from 0.1 minutes"),
        (["source={task}/manifest.csv", "false_alarms_per_hour=0"], "false_alarms_per_hour=0; allowed: a number"),
        (["source={task}/manifest.csv", "page=99999"], "page=99999; allowed: null or a whole number"),
        (["source={task}/manifest.csv", "checkpoint=elsewhere"], "elsewhere: not the folder of a finished run"),
        (["source={task}/val.npz", "json.layout=BODY_26"], "json.layout=BODY_26; allowed: BODY_25"),
        ([], "source is missing"),
    ],
)
def test_mistakes_are_named_before_anything_is_watched(
    words: list[str], message: str, trained: Path, tmp_path: Path
) -> None:
    given = [word.format(task=trained / "task") for word in words]
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        watch(monitor(trained, tmp_path / "out", *given))
    assert not (tmp_path / "out").exists()


def test_a_wrong_key_is_answered_with_keys_of_the_monitor_alone() -> None:
    command = [sys.executable, "-m", "skelmap", "monitor", "sources=0", "modle=ae"]  # model is a key of train
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "There is no key sources; did you mean source?\nThere is no key modle; --help lists all keys" in done.stderr


def test_ctrl_c_leaves_complete_files(trained: Path, tmp_path: Path) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(60, abnormal=True), "cam"))
    words = (f"checkpoint={trained}/run", f"source={tmp_path}/now", "follow=true", f"output={tmp_path}/out")
    command = [sys.executable, "-m", "skelmap", "monitor", *words, "false_alarms_per_hour=800"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    try:
        patience = time.monotonic() + 120
        events = tmp_path / "out/events.jsonl"
        while not (events.exists() and events.stat().st_size):
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130 and "stopped by SIGINT; the files are complete" in said and "Traceback" not in said
    states = [json.loads(line)["state"] for line in (tmp_path / "out/events.jsonl").read_text().splitlines()]
    assert states == ["raised", "ended"]
    assert json.loads((tmp_path / "out/monitor.json").read_text())["model"]["window"] == 8
    (film,) = (tmp_path / "out").glob("now_*.webm")
    assert cv2.VideoCapture(str(film)).read()[0]

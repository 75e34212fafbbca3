"""Real videos from the pose estimator to scores, videos and events."""

import csv
import json
from pathlib import Path

import cv2
import pytest

from monitor_config import compose_monitor
from skelmap.monitor.app import run_monitor
from skelmap.pose_estimation.mediapipe import pose_python
from skelmap.pose_estimation.video import Video
from skelmap.utils.errors import UserError


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmdcsa24/subject1_fall_13.mp4", "exercise.avi"])
def test_a_real_video_gives_scores_events_and_a_video_of_the_same_length(
    name: str, real_data: Path, trained: Path, tmp_path: Path
) -> None:
    try:
        pose_python()
    except UserError as error:
        pytest.skip(str(error))
    path = real_data.parent / name
    run_monitor(compose_monitor(trained / "run", tmp_path / "out", f"source={path}", "threshold=1e-3"))
    video = Video(path)
    times = [seconds for seconds, _ in video.frames()]
    written = cv2.VideoCapture(str(tmp_path / f"out/{path.stem}.webm"))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(times[-1] * video.fps, abs=2)
    with (tmp_path / "out/scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    ticks = times[-1] * 30  # at the model's frame rate
    assert 0.7 * ticks <= len(scores) <= ticks + 1
    states = [json.loads(line)["state"] for line in (tmp_path / "out/events.jsonl").read_text().splitlines()]
    assert states and states.count("raised") == states.count("ended")  # no real person moves like the synthetic ones

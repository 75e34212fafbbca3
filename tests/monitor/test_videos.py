"""Real videos go the whole way: poses, scores, film, events."""

import csv
import json
from pathlib import Path

import cv2
import pytest
from watching import monitor

from skelmap.monitor.app import watch
from skelmap.pose_estimation.mediapipe import pose_python
from skelmap.pose_estimation.video import Video
from skelmap.utils.errors import UserError

NAMES = (
    *(f"gmdcsa24/subject{number}.mp4" for number in ("1_fall_13", "2_adl_23", "3_adl_19", "3_adl_20", "3_fall_20")),
    *("gmdcsa24/subject4_fall_02.mp4", "exercise.avi"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_real_video_goes_the_whole_way(name: str, real_data: Path, trained: Path, tmp_path: Path) -> None:
    try:
        pose_python()
    except UserError as error:
        pytest.skip(str(error))
    path = real_data.parent / name
    watch(monitor(trained, tmp_path / "out", f"source={path}", "threshold=1e-3"))
    video = Video(path)
    pictures = [seconds for seconds, _ in video.frames()]
    film = cv2.VideoCapture(str(tmp_path / f"out/{path.stem}.webm"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(pictures[-1] * video.fps, abs=2)  # as long as the video
    with (tmp_path / "out/scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    ticks = pictures[-1] * 30  # the model's rate, whatever the video's
    assert 0.7 * ticks <= len(scores) <= ticks + 1
    states = [json.loads(line)["state"] for line in (tmp_path / "out/events.jsonl").read_text().splitlines()]
    assert states and states.count("raised") == states.count("ended")  # nobody moves like the invented people

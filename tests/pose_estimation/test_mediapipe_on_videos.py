"""MediaPipe on real videos, from the file to a trained model."""

import shlex
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from hydra_config import ROOT
from skelmap.pose_estimation.mediapipe import pose_python
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_mediapipe")]


@pytest.fixture(scope="module")
def real_mediapipe() -> None:
    try:
        pose_python()
    except UserError as error:
        pytest.skip(str(error))


def detect_in_video(path: Path, seconds: float) -> np.ndarray:
    """(frames, 25, 3): keypoints of the first seconds of a video; zeros in frames without people."""
    nobody = np.zeros((1, 25, 3), np.float32)
    with closing(open_estimator("mediapipe")) as estimator:
        video = Video(path)
        frames = islice(video.frames(), round(seconds * video.fps))
        return np.concatenate([people if len(people := estimator.detect(image)) else nobody for _, image in frames])


@pytest.mark.parametrize(
    "name",
    [
        "exercise.avi",
        "gmdcsa24/subject1_fall_13.mp4",
        "gmdcsa24/subject3_adl_20.mp4",
        "gmdcsa24/subject4_fall_02.mp4",
    ],
)
def test_people_in_real_videos_are_detected(name: str, data_folder: Path) -> None:
    found = detect_in_video(data_folder / name, seconds=3)
    seen = found[..., 2].max(axis=1) > 0.5
    assert seen.mean() > 0.7  # exercise.avi fades in from black
    joint = {n: found[seen, i] for i, n in enumerate(BODY_25.joints)}

    def distance(one: str, other: str) -> float:
        return float(np.median(np.linalg.norm(joint[one][:, :2] - joint[other][:, :2], axis=1)))

    torso = distance("neck", "mid_hip")
    assert 20 < torso < 400
    assert distance("right_knee", "right_ankle") < 1.5 * torso
    assert distance("left_shoulder", "left_elbow") < torso
    assert distance("nose", "neck") < torso


def test_a_standing_person_is_upright_and_faces_the_camera(data_folder: Path) -> None:
    found = detect_in_video(data_folder / "exercise.avi", seconds=8)
    joint = {n: np.median(found[found[:, 0, 2] > 0], axis=0)[i] for i, n in enumerate(BODY_25.joints)}
    heights = [joint[n][1] for n in ("nose", "neck", "mid_hip", "right_knee", "right_ankle")]
    assert heights == sorted(heights)
    for pair in ("shoulder", "hip", "eye"):
        assert joint[f"right_{pair}"][0] < joint[f"left_{pair}"][0]


def test_the_process_ends_with_its_parent() -> None:
    code = """if True:
        import time
        from skelmap.pose_estimation.registry import open_estimator
        estimator = open_estimator("mediapipe")
        print("open", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "open\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    ended, _ = psutil.wait_procs([child], timeout=10)
    assert ended == [child]


def test_videos_become_a_watched_site_by_the_printed_commands(data_folder: Path, tmp_path: Path) -> None:
    for video in ("normal/2/subject2_adl_23", "normal/3/subject3_adl_20", "falls/1/subject1_fall_13"):
        link = tmp_path / f"{video}.mp4"
        link.parent.mkdir(parents=True)
        link.symlink_to(data_folder / "gmdcsa24" / link.name)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "skelmap", *arguments]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    site, folders = tmp_path / "site", (str(tmp_path / "normal"), "--abnormal", str(tmp_path / "falls"))
    printed = run("extract", "--out", str(site), "--group-by", "folder", "--normal", *folders)
    assert "of 60 minutes of normal work, 1 group" in printed
    manifest = site / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",all,", ",0.4s-4s,"))
    train = shlex.split(printed.splitlines()[-1])[1:]
    run(*train, "data.seconds=1", f"hydra.run.dir={tmp_path}/run", f"paths.cache_dir={tmp_path}/cache")
    assert (tmp_path / "run" / "report.html").exists()
    camera = f"{{source: {site}/1_subject1_fall_13.npz, checkpoint: {tmp_path}/run, threshold: 0}}"
    (tmp_path / "site.yaml").write_text(f"output: {tmp_path}/out\ncameras:\n  gate: {camera}\n")
    assert "gate: finished" in run("site", str(tmp_path / "site.yaml"))  # a recording ends
    assert '"state": "ended"' in (tmp_path / "out/gate/events.jsonl").read_text()

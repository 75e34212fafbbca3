"""MediaPipe in its own environment: what goes over the pipes, how its landmarks become BODY_25, real videos."""

import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from skelmap.errors import UserError
from skelmap.estimation import Video, open_estimator
from skelmap.estimation.mediapipe_client import SETTING, pose_python
from skelmap.poses import BODY_25


def picture(bgr: tuple[int, int, int], height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), bgr, np.uint8)


def test_landmarks_become_body_25(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        assert estimator.layout is BODY_25
        (found,) = estimator.people(picture((1, 2, 200)))
    joint = dict(zip(BODY_25.joints, found, strict=True))
    assert found.shape == (25, 3) and found.dtype == np.float32
    for name, landmark in (("nose", 0), ("left_wrist", 15), ("right_wrist", 16), ("left_big_toe", 31)):
        assert np.allclose(joint[name], (30 + landmark, 20 + landmark**2, (landmark + 1) / 33))
    assert np.allclose(joint["neck"], (30 + 11.5, 20 + (11**2 + 12**2) / 2, 12 / 33))
    assert np.allclose(joint["mid_hip"], (30 + 23.5, 20 + (23**2 + 24**2) / 2, 24 / 33))
    assert not joint["left_small_toe"].any() and not joint["right_small_toe"].any()


def test_pictures_of_any_size_follow_each_other_and_may_hold_nobody(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        assert len(estimator.people(picture((0, 0, 200), 1080, 1920))) == 1
        assert estimator.people(picture((0, 0, 8))).shape == (0, 25, 3)
        assert len(estimator.people(picture((0, 0, 200))[:, ::-1])) == 1


def test_a_process_that_dies_is_reported_with_its_last_words(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        for _ in range(2):
            with pytest.raises(UserError, match="MediaPipe's process has ended: Illegal instruction"):
                estimator.people(picture((255, 0, 200)))


def test_an_environment_without_mediapipe_is_reported_with_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SETTING, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=rf"nowhere is not there.*pip install --no-deps -r.*{SETTING}"):
        open_estimator("mediapipe")
    (tmp_path / "text").touch(mode=0o644)
    monkeypatch.setenv(SETTING, str(tmp_path / "text"))
    with pytest.raises(UserError, match=r"text cannot run MediaPipe: Permission denied.*pip install"):
        open_estimator("mediapipe")
    monkeypatch.setenv(SETTING, sys.executable)
    with pytest.raises(UserError, match=r"ModuleNotFoundError.*mediapipe.*pip install"):
        open_estimator("mediapipe")


# --- real videos -----------------------------------------------------------------------------------------------


@pytest.fixture
def real_mediapipe() -> None:
    try:
        pose_python()
    except UserError as error:
        pytest.skip(str(error))


def of_video(path: Path, seconds: float) -> np.ndarray:
    """(frames, 25, 3) of the first seconds of a video; zeros where nobody is seen."""
    nobody = np.zeros((1, 25, 3), np.float32)
    with closing(open_estimator("mediapipe")) as estimator:
        video = Video(path)
        frames = islice(video.frames(), round(seconds * video.fps))
        return np.concatenate([people if len(people := estimator.people(p)) else nobody for _, p in frames])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "exercise.avi",
        "gmdcsa24/subject1_fall_13.mp4",
        "gmdcsa24/subject2_adl_23.mp4",
        "gmdcsa24/subject3_adl_19.mp4",
        "gmdcsa24/subject3_adl_20.mp4",
        "gmdcsa24/subject3_fall_20.mp4",
        "gmdcsa24/subject4_fall_02.mp4",
    ],
)
def test_people_of_real_videos_are_found(name: str, real_mediapipe: None, data_folder: Path) -> None:
    found = of_video(data_folder / name, seconds=4)
    seen = found[..., 2].max(axis=1) > 0.5
    assert seen.mean() > 0.75  # exercise.avi fades in from black
    joint = {n: found[seen, i] for i, n in enumerate(BODY_25.joints)}

    def apart(one: str, other: str) -> float:
        return float(np.median(np.linalg.norm(joint[one][:, :2] - joint[other][:, :2], axis=1)))

    torso = apart("neck", "mid_hip")
    assert 20 < torso < 400
    assert apart("right_knee", "right_ankle") < 1.5 * torso
    assert apart("left_shoulder", "left_elbow") < torso
    assert apart("nose", "neck") < torso


@pytest.mark.slow
def test_a_standing_person_is_upright_and_faces_the_camera(real_mediapipe: None, data_folder: Path) -> None:
    found = of_video(data_folder / "exercise.avi", seconds=8)
    joint = {n: np.median(found[found[:, 0, 2] > 0], axis=0)[i] for i, n in enumerate(BODY_25.joints)}
    heights = [joint[n][1] for n in ("nose", "neck", "mid_hip", "right_knee", "right_ankle")]
    assert heights == sorted(heights)
    for pair in ("shoulder", "hip", "eye"):
        assert joint[f"right_{pair}"][0] < joint[f"left_{pair}"][0]


@pytest.mark.slow
def test_the_process_dies_with_its_parent(real_mediapipe: None) -> None:
    code = """if True:
        import time
        from skelmap.estimation import open_estimator
        estimator = open_estimator("mediapipe")
        print("open", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "open\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone == [child]

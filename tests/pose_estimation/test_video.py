"""Read video files: size, frame rate, time stamps, and files that are no videos."""

from pathlib import Path

import numpy as np
import pytest

from skelmap.pose_estimation.video import Video
from skelmap.utils.errors import UserError
from synthetic_videos import SIZE, make_variable_rate, set_rotation, write_video


def test_frames_come_in_order_with_their_time_stamps(tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "plain video %02d.mp4"))
    assert (video.size, video.fps, video.count) == (SIZE, 10.0, 12)
    for _ in range(2):  # the second time from the start again
        seconds, images = zip(*video.frames(), strict=True)
        assert np.allclose(seconds, np.arange(12) / 10)
        assert np.allclose([p[-5, -5].mean() for p in images], 20 * np.arange(12), atol=6)
        assert all(p.shape == (SIZE[1], SIZE[0], 3) and p.dtype == np.uint8 for p in images)


def test_the_rotation_stored_by_phones_is_applied(tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4")
    set_rotation(path)
    video = Video(path)
    assert video.size == (SIZE[1], SIZE[0])
    _, image = next(video.frames())
    assert image.shape == (SIZE[0], SIZE[1], 3)
    assert image[5, -5].min() > 200 > image[5, 5].max()  # the white quarter went from upper left to upper right


def test_a_variable_frame_rate_keeps_its_time_stamps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4")
    make_variable_rate(path, after=6)
    video = Video(path)
    seconds = [s for s, _ in video.frames()]
    assert np.allclose(np.diff(seconds), [0.1] * 6 + [0.2] * 5)
    assert video.fps == pytest.approx(12 / 1.8)


@pytest.mark.parametrize("content", [b"", b"no video " * 999, None])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.mp4"):
        Video(path)


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(UserError, match=r"cut\.mp4: not a video that can be read"):
        Video(path)

"""Results of two monitors are never mixed in one folder."""

from pathlib import Path

import pytest

from monitor_config import compose_monitor
from monitor_events import RULE, ListSource, frame_result
from skelmap.monitor.app import lock_output_dir, run_monitor
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.video_writer import VideoSink
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_openpose


def test_a_folder_with_scores_is_refused_for_recordings_and_continued_for_cameras(
    trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # files with nothing but a header do not count
        with lock_output_dir(out, live=False):
            EventLog(out, 0.5).close()
    assert (out / "scores.csv").read_text().count("\n") == 1
    config = compose_monitor(
        trained / "run", out, f"source={trained}/task/test_normal.npz", "threshold=1e3", "save_video=false"
    )
    run_monitor(config)
    scores = (out / "scores.csv").read_text()
    assert scores.count("\n") > 100 and (out / "events.jsonl").read_text() == ""
    with pytest.raises(UserError, match="out: has results of an earlier monitor; choose another folder"):
        run_monitor(config)
    assert (out / "scores.csv").read_text() == scores
    with lock_output_dir(out, live=True):
        pass


@pytest.mark.parametrize("live", [True, False])
def test_a_folder_that_another_monitor_uses_is_refused(trained: Path, tmp_path: Path, live: bool) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(30), "cam"))
    overrides = (f"source={tmp_path}/now", f"follow={str(live).lower()}", "save_video=false", "evidence.seconds=null")
    config = compose_monitor(trained / "run", tmp_path / "out", *overrides)
    with lock_output_dir(tmp_path / "out", live=True), pytest.raises(UserError, match="another monitor writes to this"):
        run_monitor(config)
    assert not (tmp_path / "out/scores.csv").exists()


def test_default_output_folders_of_the_same_second_differ() -> None:
    outputs = {compose_monitor(Path("run"), None, "source=0").output for _ in range(3)}
    assert len(outputs) == 3


def test_clips_with_invalid_file_names_get_separate_videos(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path, RULE)
    names = ("a b", "a_b", "a/b", "a" * 300, "a" * 299 + "b")
    for name in names:
        sink.on_source_start(ListSource([], name, count=1))
        sink.on_frame(frame_result(0), 1.0)
        sink.on_source_end()
    assert sink.error == ""
    videos = {path.name for path in tmp_path.glob("*.webm")}
    assert len(videos) == len(names) and "a_b.webm" in videos

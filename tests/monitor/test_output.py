"""Two watches never mix in one folder."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from seen import Given, verdict
from watching import monitor

from hydra_config import ROOT
from skelmap.monitor.app import lock_output_dir, watch
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.video_writer import VideoSink
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_openpose


def test_a_repeated_command_is_refused_though_the_watch_before_gave_no_alarm(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # a folder in which there is no score yet is as good as new
        with lock_output_dir(out, live=False):
            EventLog(out, 0.5).close()
    assert (out / "scores.csv").read_text().count("\n") == 1
    words = (f"source={trained}/task/test_normal.npz", "threshold=1e3", "video=false")
    watch(monitor(trained, out, *words))
    before = (out / "scores.csv").read_text()
    assert before.count("\n") > 100 and (out / "events.jsonl").read_text() == ""
    with pytest.raises(UserError, match="out: holds what an earlier monitor wrote; choose another folder"):
        watch(monitor(trained, out, *words))
    assert (out / "scores.csv").read_text() == before
    with lock_output_dir(out, live=True):
        pass  # a camera's files are gone on with


@pytest.mark.parametrize("live", [True, False])
def test_a_folder_that_another_monitor_writes_is_refused(trained: Path, tmp_path: Path, live: bool) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(30), "cam"))
    words = (f"source={tmp_path}/now", f"follow={str(live).lower()}", "video=false")
    with (
        lock_output_dir(tmp_path / "out", live=True),
        pytest.raises(UserError, match="another monitor writes there now"),
    ):
        watch(monitor(trained, tmp_path / "out", *words))
    assert not (tmp_path / "out/scores.csv").exists()


def test_monitors_that_start_in_the_same_second_write_into_different_folders() -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        names = {compose("monitor", ["checkpoint=run", "source=0"]).output for _ in range(3)}
    assert len(names) == 3


def test_clips_whose_names_files_cannot_have_get_films_of_their_own(tmp_path: Path) -> None:
    films = VideoSink(tmp_path, None)
    names = ("a b", "a_b", "a/b", "a" * 300, "a" * 299 + "b")
    for name in names:
        films.begin(Given([], name, count=1))
        films.frame(verdict(0), 1.0)
        films.end()
    assert films.trouble == ""
    found = {film.name for film in tmp_path.glob("*.webm")}
    assert len(found) == len(names) and "a_b.webm" in found

"""`skelmap extract` writes the clips and the manifest of videos."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fake_rtmo import write_rtmo
from hydra_config import ROOT
from skelmap.cli import main
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from synthetic_data import make_clip, wave
from synthetic_videos import SIZE, make_variable_rate, write_video

DETECTED_FROM = 5
"""First frame of a small video that is bright enough for the stand-in to detect a person."""

pytestmark = pytest.mark.usefixtures("mediapipe_stand_in")


def extract(out: Path, *arguments: object) -> None:
    main(["extract", "--out", str(out), "--normal", *map(str, arguments)])


def splits(out: Path) -> dict[str, str]:
    return {r.clip: r.split for r in read_manifest(out / "manifest.csv").recordings}


def test_a_clip_has_the_frame_numbers_of_its_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "site"
    extract(out, *(write_video(tmp_path / f"{day}.mp4", frames=9) for day in ("[mon]", "tue", "wed")))
    for recording in read_manifest(out / "manifest.csv").recordings:
        clip = read_clip(recording.path, recording.clip)
        assert (clip.layout, clip.size, clip.fps, clip.span) == (BODY_25, SIZE, 10.0, (0, 9))
        assert sorted(clip.frame[clip.present]) == list(range(DETECTED_FROM, 9))
        assert recording.group == recording.clip and recording.abnormal == ()
    assert splits(out) == {"[mon]": "test", "tue": "train", "wed": "val"}
    printed = capsys.readouterr().out
    assert "[mon]: 9 frames, people in 4\n" in printed
    assert "validation: 0.015 of 60 minutes of normal work, 1 group\n" in printed
    assert f"skelmap train model=feature_knn data=manifest data.manifest={out / 'manifest.csv'}" in printed
    assert "Each video is its own group" in printed


@pytest.mark.parametrize("group_by", ["folder", "name"])
def test_folders_give_labels_people_and_splits(
    group_by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for video in ("work/anna/am.mp4", "work/ben/am.MP4", "work/cy/am.mp4", "falls/cy/one.mp4", "falls/dee/one.mp4"):
        kind, person, name = video.split("/")
        path = tmp_path / (video if group_by == "folder" else f"{kind}/{person}-{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path.with_suffix(".mp4"), frames=2).rename(path)
    out, folders = tmp_path / "site", (tmp_path / "work", "--abnormal", tmp_path / "falls")
    extract(out, *folders, "--group-by", group_by)
    recordings = read_manifest(out / "manifest.csv").recordings
    found = {(r.group, r.split, r.abnormal) for r in recordings}
    normal = {("anna", "train", ()), ("ben", "val", ()), ("cy", "test", ())}
    assert found == {*normal, ("cy", "test", None), ("dee", "test", None)}
    assert "replace 'all'" in capsys.readouterr().out
    before = (out / "manifest.csv").read_text()
    extract(out, *folders, "--group-by", group_by)
    assert (out / "manifest.csv").read_text() == before
    extract(tmp_path / "all", *folders, "--group-by", group_by, "--split", "train")
    assert {r.clip for r in read_manifest(tmp_path / "all/examples.csv", is_dealt=True).recordings} == {
        r.clip for r in recordings if r.abnormal is None
    }
    assert f"data.examples={tmp_path / 'all/examples.csv'}" in capsys.readouterr().out


def test_videos_of_unknown_or_contradictory_labels_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    video = write_video(tmp_path / "videos" / "a.mp4", frames=2)
    with pytest.raises(SystemExit):
        main(["extract", str(video), "--out", str(tmp_path / "site")])
    assert "a.mp4: what does it show?" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"a\.mp4: given twice; a video is either --normal or --abnormal"):
        extract(tmp_path / "site", tmp_path / "videos", "--abnormal", video)
    with pytest.raises(SystemExit, match=r"--group-by folder needs a folder for each person"):
        extract(tmp_path / "site", video.parent, "--group-by", "folder")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="empty: no video in this folder"):
        extract(tmp_path / "site", tmp_path / "empty")
    assert not (tmp_path / "site").exists()
    extract(tmp_path / "site", video)
    with pytest.raises(SystemExit, match=r"a\.mp4: --abnormal, and .* has it as normal work of split train"):
        main(["extract", "--abnormal", str(video), "--out", str(tmp_path / "site")])


def test_several_people_are_tracked(tmp_path: Path) -> None:
    network = write_rtmo(tmp_path / "rtmo.onnx")
    video = write_video(tmp_path / "two.mp4", frames=4)
    extract(tmp_path, video, "--estimator", "rtmo", "--weights", network, "--split", "val")
    clip = read_clip(tmp_path / "two.npz", "two")
    assert clip.layout is COCO_17 and splits(tmp_path) == {"two": "val"}
    assert clip.track.tolist() == [0] * 4 + [1] * 4 and clip.frame.tolist() == [0, 1, 2, 3] * 2


def test_existing_clips_stay_and_further_videos_are_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, videos = tmp_path / "site", [write_video(tmp_path / f"{day}.mp4", frames=3) for day in ("mon", "tue")]
    extract(out, videos[0])
    assert "missing: recordings of the unusual in split test" in capsys.readouterr().out
    manifest = out / "manifest.csv"
    edited = "clip,path,split,group,abnormal\nmonday,mon.npz,test,line 1,0-2"  # by a program that ends no last line
    manifest.write_text(edited)
    before = (out / "mon.npz").stat().st_mtime_ns
    extract(out, *videos, "--split", "train")
    assert (out / "mon.npz").stat().st_mtime_ns == before
    assert manifest.read_text() == f"{edited}\ntue,tue.npz,train,tue,\n"
    manifest.write_bytes(edited.replace("\n", "\r\n").encode())  # as Excel writes it
    extract(out, videos[1])
    assert manifest.read_bytes() == edited.replace("\n", "\r\n").encode() + b"\ntue,tue.npz,train,tue,\n"
    assert splits(out) == {"monday": "test", "tue": "train"}
    (out / "tue.npz").unlink()
    extract(out, videos[1])
    assert (out / "tue.npz").exists() and manifest.read_text().count("tue.npz") == 1
    manifest.write_text(edited.replace(",test,line 1,0-2", ",train,tue,") + "\ntue,tue.npz,train,tue,\n")
    capsys.readouterr()
    extract(out, videos[1])
    assert "its own group" not in capsys.readouterr().out


def test_a_manifest_edited_in_a_spreadsheet_is_continued_as_it_is(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{day}.mp4", frames=2) for day in ("mon", "tue")]
    extract(tmp_path, videos[0])
    manifest = tmp_path / "manifest.csv"
    edited = 'clip;path;split;group;abnormal\r\n月曜日;mon.npz;test;佐藤;"0-1;1-2"\r\n'
    manifest.write_bytes(edited.encode("cp932"))
    extract(tmp_path, *videos)
    assert manifest.read_bytes() == f"{edited}tue;tue.npz;train;tue;\n".encode("utf-8-sig")
    assert splits(tmp_path) == {"月曜日": "test", "tue": "train"}


def test_a_clip_of_another_video_of_the_same_name_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for camera in ("cam1", "cam2"):
        (tmp_path / camera).mkdir()
    first, second, other = (
        write_video(tmp_path / name, frames=n) for name, n in (("cam1/rec.mp4", 3), ("cam2/rec.mp4", 4), ("new.mp4", 3))
    )
    out = tmp_path / "site"
    extract(out, first)
    with pytest.raises(SystemExit, match=r"rec\.npz: is of .*cam1/rec\.mp4 \(.* bytes\), not of .*cam2/rec\.mp4"):
        extract(out, other, second)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.csv", "rec.npz"]
    network = write_rtmo(tmp_path / "rtmo.onnx")
    with pytest.raises(SystemExit, match=r"rec\.npz: was extracted by mediapipe, not rtmo"):
        extract(out, first, "--estimator", "rtmo", "--weights", network)
    first.rename(tmp_path / "cam2" / "rec.mp4")  # moved, the same content
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    extract(out, "cam2/rec.mp4")
    assert "rec: exists already" in capsys.readouterr().out


def test_a_clip_made_by_other_means_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "mon.npz", make_clip(wave(3)))
    extract(tmp_path, write_video(tmp_path / "mon.mp4", frames=3))
    assert "mon: exists already" in capsys.readouterr().out


def test_a_failed_video_is_named_and_the_others_are_extracted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    deadly = write_video(tmp_path / "deadly.mp4", step=23)  # whose last frame is too bright for the stand-in
    out, good = tmp_path / "site", write_video(tmp_path / "good.mp4")
    with pytest.raises(SystemExit, match="failed: text, deadly"):
        extract(out, tmp_path / "text.mp4", deadly, good)
    assert list(splits(out)) == ["good"]
    assert sorted(path.name for path in out.iterdir()) == ["good.npz", "manifest.csv"]
    printed = capsys.readouterr().out
    assert "text.mp4: not a video that can be read" in printed
    assert "deadly: MediaPipe's process has ended: Illegal instruction" in printed


def test_errors_common_to_all_videos_stop_before_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "a.mp4", frames=2)
    (tmp_path / "other").mkdir()
    twin = write_video(tmp_path / "other" / "a.mp4", frames=2)
    with pytest.raises(SystemExit, match=r"a\.mp4 and .*a\.mp4 would both be clip 'a'"):
        extract(tmp_path / "site", video, twin)
    with pytest.raises(SystemExit, match=r"error: estimator rtmo: .* do not exist"):
        extract(tmp_path / "site", video, "--estimator", "rtmo", "--weights", "nowhere.onnx")
    monkeypatch.setenv("SKELMAP_POSE_PYTHON", "nowhere")
    with pytest.raises(SystemExit, match=r"error: .*nowhere does not exist"):
        extract(tmp_path / "site", video)
    assert not (tmp_path / "site").exists() and not capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_extraction_leaves_complete_clips_and_continues(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "site"
    videos = [str(write_video(tmp_path / f"{name}.mp4", frames=n)) for name, n in (("short", 9), ("long", 3000))]
    command = [sys.executable, "-u", "-m", "skelmap", "extract", "--normal", *videos, "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "short: 9 frames, people in 4\n"
        run.send_signal(number)
        _, errors = run.communicate(timeout=30)
    assert run.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert number == signal.SIGKILL or errors.startswith(f"stopped by {number.name}; the same command continues")
    assert sorted(path.name for path in out.iterdir()) == ["manifest.csv", "short.npz"]
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "short: exists already" in again and "long: 3000 frames" in again
    assert splits(out).keys() == {"short", "long"}


def test_a_truncated_video_gives_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "cut.avi", frames=12)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"00dc", 0, content.index(b"idx1"))])  # where the last frame begins
    extract(tmp_path / "site", path)
    assert read_clip(tmp_path / "site" / "cut.npz", "cut").span == (0, 11)
    assert "only 11 of the 12 frames that the file states could be read" in capsys.readouterr().out


def test_an_uneven_frame_rate_gives_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "phone.mp4")
    make_variable_rate(path, after=6, times=4)
    extract(tmp_path / "site", path)
    assert "its frames are 100 to 400 ms apart; the clip treats them as even, 4.0 per second" in capsys.readouterr().out


def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    for content, message in ((b"clip;path;split", "has no column"), (b"clip,path\xff", "not UTF-8")):
        (tmp_path / "manifest.csv").write_bytes(content)
        with pytest.raises(SystemExit, match=rf"manifest\.csv: {message}"):
            extract(tmp_path, write_video(tmp_path / "a.mp4", frames=2))
        assert (tmp_path / "manifest.csv").read_bytes() == content

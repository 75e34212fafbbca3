"""Read OpenPose folders, tracked JSON and clip archives; write clip archives."""

import json
from errno import ENOSPC
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.readers import PoseFormat, read_clip, read_header, source_files
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave, write_openpose


def test_an_openpose_folder_gives_the_clip_it_was_written_from(tmp_path: Path) -> None:
    clip = make_clip(wave(20))
    write_openpose(tmp_path / "json", clip)
    read = read_clip(tmp_path / "json", "clip")
    np.testing.assert_array_equal(read.keypoints, clip.keypoints)
    np.testing.assert_array_equal(read.frame, np.arange(20))
    assert (read.size, read.fps, read.span) == ((640, 480), 30.0, (0, 20))


def test_folder_with_several_people_empty_frames_missing_joints_and_a_gap(tmp_path: Path) -> None:
    one, other = np.array([person((200, 180))] * 6), np.array([person((450, 180))] * 6)
    one[2, 4] = 0
    one[5] = other[5] = 0
    keypoints, frame = np.concatenate([one, other]), np.array([0, 1, 2, 3, 8, 9] * 2)
    write_openpose(tmp_path / "json", make_clip(keypoints, frame=frame))
    for absent in (4, 5, 6, 7):
        (tmp_path / "json" / f"clip_{absent:012d}_keypoints.json").unlink()
    (tmp_path / "json" / "clip_000000000009_keypoints.json").write_text('{"people": []}')
    (tmp_path / "json" / "notes.txt").write_text("not a frame")
    read = read_clip(tmp_path / "json", "clip")
    assert read.frame[read.present].tolist() == [0, 1, 2, 3, 8] * 2
    assert len(set(read.track[read.present].tolist())) == 2
    assert read.span == (0, 10)
    tracks = [read.keypoints[read.present & (read.track == t)] for t in np.unique(read.track[read.present])]
    for expected in (one[:5], other[:5]):
        assert any(np.array_equal(expected, track) for track in tracks)


def test_frames_have_the_number_in_the_file_name(tmp_path: Path) -> None:
    folder = tmp_path / "json"
    folder.mkdir()
    for frame in (0, 2, 10, 9):
        points = person((100 + 10 * frame, 200)).flatten().tolist()
        (folder / f"cam_{frame}_keypoints.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": points}]}))
    read = read_clip(folder, "cam")
    assert read.frame.tolist() == [0, 2, 9, 10]
    assert read.keypoints[:, 1, 0].tolist() == [100, 120, 190, 200]
    assert len(source_files(folder)) == 4


def test_an_archive_round_trips_with_gaps_and_tracks(tmp_path: Path) -> None:
    clip = make_clip(wave(6), frame=np.array([0, 1, 5, 0, 7, 8]), track=np.array([0, 0, 0, 4, 4, 4]))
    write_clip(tmp_path / "clip.npz", clip)
    read = read_clip(tmp_path / "clip.npz", "clip")
    for name in ("keypoints", "frame", "track"):
        np.testing.assert_array_equal(getattr(read, name), getattr(clip, name))
    assert (read.layout, read.size, read.fps) == (clip.layout, clip.size, clip.fps)


def test_frame_and_track_of_an_archive_are_optional(tmp_path: Path) -> None:
    keypoints = wave(5)
    np.savez(tmp_path / "plain.npz", keypoints=keypoints, layout="BODY_25", size=(640, 480), fps=30)
    read = read_clip(tmp_path / "plain.npz", "plain")
    np.testing.assert_array_equal(read.keypoints, keypoints)
    assert read.frame.tolist() == [0, 1, 2, 3, 4]


def test_the_header_of_an_archive_is_its_own_and_that_of_json_the_declared_one(tmp_path: Path) -> None:
    declared = PoseFormat(COCO_17, (800, 600), 25.0)
    write_clip(tmp_path / "clip.npz", make_clip(wave(5)))
    (tmp_path / "tracked.json").write_text("[]")
    assert read_header(tmp_path / "clip.npz", declared) == PoseFormat(BODY_25, (640, 480), 30.0)
    assert read_header(tmp_path / "tracked.json", declared) == declared


def test_a_header_needs_no_readable_keypoints(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    write_clip(path, make_clip(wave(500)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 0xFF  # within the keypoints, which are the first array
    path.write_bytes(content)
    assert read_header(path, PoseFormat()).fps == 30.0
    with pytest.raises(UserError, match="not a readable clip archive"):
        read_clip(path, "clip")


def test_the_same_clip_gives_the_same_bytes_and_leaves_no_other_file(tmp_path: Path) -> None:
    clip = make_clip(wave(30))
    for name in ("a.npz", "b.npz"):
        write_clip(tmp_path / name, clip)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"a.npz", "b.npz"}


def test_a_failed_write_keeps_the_old_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.npz"
    write_clip(path, make_clip(wave(5)))
    before = path.read_bytes()

    def half(file: IO[bytes], **_: object) -> None:
        file.write(b"half")
        raise OSError(ENOSPC, "disk full")

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(UserError, match=r"clip\.npz: cannot be written \(disk full\)"):
        write_clip(path, make_clip(wave(9)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_real_openpose_json_equals_the_archive_of_the_same_clip(real_data: Path) -> None:
    folders = sorted((real_data / "openpose_json").iterdir())
    for folder in folders[:4]:
        from_json = read_clip(folder, folder.name)
        archive = read_clip(real_data / "clips" / f"{folder.name}.npz", folder.name)
        np.testing.assert_allclose(from_json.keypoints, archive.keypoints, atol=1e-3)
        np.testing.assert_array_equal(from_json.frame - from_json.frame[0], archive.frame - archive.frame[0])


def test_real_clips_are_complete_and_inside_the_image(real_data: Path) -> None:
    for path in sorted((real_data / "clips").glob("*.npz"))[::100]:
        clip = read_clip(path, path.stem)
        seen = clip.keypoints[clip.keypoints[..., 2] > 0]
        assert len(clip) > 10 and clip.present.mean() > 0.9
        assert (np.abs(seen[:, :2] - (320, 240)) < (420, 320)).all()

"""Unreadable recordings: the message names the file and the reason."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skelmap.skeletons import archives
from skelmap.skeletons.archives import read_origin, write_clip
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave, write_openpose

GOOD = person().flatten().tolist()


def frame_file(tmp_path: Path, text: str, name: str = "clip_000000000001_keypoints.json") -> Path:
    write_openpose(tmp_path / "json", make_clip(wave(3)))
    (tmp_path / "json" / name).write_text(text)
    return tmp_path / "json"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps({"people": [{"pose_keypoints_2d": GOOD}]})[:200], "damaged JSON"),
        ("", "damaged JSON"),
        ("[" * 100_000, "damaged JSON"),
        ("[1, 2]", "'people' must be a list"),
        ('{"people": {}}', "'people' must be a list"),
        ('{"people": [7]}', "a person without a list called pose_keypoints_2d"),
        ('{"people": [{"pose_keypoints_2d": "x"}]}', "a person without a list"),
        (json.dumps({"people": [{"pose_keypoints_2d": GOOD[:54]}]}), "18 joints .* BODY_25 has 25; set .*=COCO_18"),
        (json.dumps({"people": [{"pose_keypoints_2d": GOOD[:40]}]}), "13.3333 joints .* has 25$"),
        (json.dumps({"people": [{"pose_keypoints_2d": ["x", *GOOD[1:]]}]}), "not a number"),
        (json.dumps({"people": [{"pose_keypoints_2d": [None, [], *GOOD[2:]]}]}), "not a number"),
    ],
)
def test_a_bad_frame_is_named_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    folder = frame_file(tmp_path, text)
    with pytest.raises(UserError, match=f"clip_000000000001_keypoints.json: .*{reason}"):
        read_clip(folder, "clip")


def test_a_frame_without_a_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cam_keypoints\.json: no frame number"):
        read_clip(frame_file(tmp_path, "{}", "cam_keypoints.json"), "clip")


def test_a_frame_number_beyond_bounds_is_refused(tmp_path: Path) -> None:
    for digits in ("9" * 12, "9" * 30):
        folder = frame_file(tmp_path / digits, '{"people": []}', f"clip_{digits}_keypoints.json")
        with pytest.raises(UserError, match=r"json: .*beyond (32|64) bits"):
            read_clip(folder, "clip")


def test_the_json_of_two_recordings_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = frame_file(tmp_path, '{"people": []}', "fri_000000000001_keypoints.json")
    with pytest.raises(
        UserError, match=r"json: files of 2 recordings, clip_ \(3 files\) and fri_ \(1 files\); give each"
    ):
        read_clip(folder, "clip")
    for name in "abc":
        (folder / f"{name}1_keypoints.json").touch()
    with pytest.raises(
        UserError, match=r"of 5 recordings, a \(1 files\) and b .* and c .* and more; give each a folder"
    ):
        read_clip(folder, "clip")


def test_two_files_of_one_frame_are_refused(tmp_path: Path) -> None:
    folder = frame_file(tmp_path, '{"people": []}', "clip_1_keypoints.json")
    with pytest.raises(UserError, match=r"clip_0{11}1_keypoints.json and clip_1_keypoints.json are both frame 1"):
        read_clip(folder, "clip")


def test_a_folder_without_frames_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \*_keypoints.json in this folder"):
        read_clip(tmp_path, "clip")


@pytest.mark.parametrize("name", ["clip.avi", "clip"])
def test_an_unknown_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"RIFF")
    with pytest.raises(UserError, match=f"{name}: not a folder of .*_keypoints.json, a .json or an .npz"):
        read_clip(tmp_path / name, "clip")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"people": []}, "a list of people is expected"),
        (
            [{"image_id": "x.jpg", "keypoints": GOOD}],
            "'x.jpg' as image_id or frame_id holds no frame number; docs/data",
        ),
        (
            [{"keypoints": GOOD}],
            "'None' as image_id or frame_id holds no frame number; docs/data.md, .* how to convert",
        ),
        ([{"image_id": -1, "keypoints": GOOD}], "'-1' as image_id or frame_id holds no frame number"),
        (
            [{"image_id": i, "keypoints": GOOD, "idx": n} for i, n in ((1, 1), (1, 1), (2, 2))],
            "track 1 has two rows for",
        ),
        ([{"image_id": 1, "keypoints": GOOD, "idx": 10**30}], "beyond 64 bits"),
        ([{"image_id": f"{a}/0001.jpg", "keypoints": GOOD} for a in "ab"], "recordings, a/NUMBER.jpg and b/NUMBER.jpg"),
        ([{"image_id": f"f_{i}_cam1.jpg", "keypoints": GOOD} for i in "12"], "images of several recordings, f_1_camN"),
        ({"1": {"x": {"keypoints": GOOD}}}, "'x' as image_id or frame_id holds no frame number"),
        ({"1": {"0": {"boxes": GOOD}}}, "a person without a list called keypoints"),
        ({"1": [{"frame_idx": 0, "keypoints": GOOD}]}, "not a tracked JSON file: .* docs/data.md, .* how to convert"),
        (["[]"], r"\[\] where a person is expected; docs/data.md"),
        (
            [{"instances": [{"keypoints": [[1, 2]] * 25, "keypoint_scores": [1] * 25}]}],
            "'None' as image_id or frame_id",
        ),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 25, "keypoint_scores": [1]}]}], "25 joints .* 1 keyp"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2, 3]] * 25, "keypoint_scores": [1] * 25}]}], "3-D poses"),
        (
            [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 25}]}],
            r"a joint \[1, 2\] .* x, y, confidence is exp",
        ),
        (
            [[{"keypoints": {"x": [1] * 25, "y": [1] * 25}}]],
            "keypoints with x, y; the lists x, y, visible are expected",
        ),
        ([[{"keypoints": {"x": [1] * 25, "y": [1] * 25, "visible": [1]}}]], "have different lengths"),
        ([{"image_id": 1, "keypoints": GOOD[:51]}], "17 joints .* set data.pose_format.layout=COCO_17"),
    ],
)
def test_a_bad_tracked_file_is_named_with_its_reason(tmp_path: Path, content: object, reason: str) -> None:
    (tmp_path / "tracked.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"tracked\.json: .*{reason}"):
        read_clip(tmp_path / "tracked.json", "clip")


ARCHIVE = {"keypoints": wave(4), "layout": "BODY_25", "size": (640, 480), "fps": 30}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layout": "BODY_135"}, "layout 'BODY_135'; allowed are BODY_25, COCO_18, COCO_17"),
        ({"layout": "COCO_18"}, "25 joints, but the declared layout COCO_18 has 18"),
        ({"size": (640,)}, "not numbers of the expected shape"),
        ({"size": (640, 480, 3)}, "not numbers of the expected shape"),
        ({"fps": "fast"}, "not numbers"),
        ({"fps": np.array([30, 25])}, "not numbers"),
        ({"fps": 0}, "fps 0.0; a number above 0"),
        ({"keypoints": np.array([["a"]])}, "not numbers"),
        ({"keypoints": np.zeros((4, 25))}, r"keypoints have shape \(4, 25\)"),
        ({"keypoints": np.array([{}, {}])}, "Object arrays cannot be loaded"),
        ({"frame": np.arange(3)}, r"integers of shape \(4,\)"),
        ({"track": np.array(["a"] * 4)}, "track is <U1"),
    ],
)
def test_a_bad_archive_is_named_with_its_reason(tmp_path: Path, change: dict, reason: str) -> None:
    np.savez(tmp_path / "bad.npz", **{**ARCHIVE, **change})
    with pytest.raises(UserError, match=rf"bad\.npz: .*{reason}"):
        read_clip(tmp_path / "bad.npz", "clip")


@pytest.mark.parametrize(
    "source", ["{", "[1]", '{"path": "a.mp4"}', '{"path":"a","size":"2","digest":"3","estimator":"4"}']
)
def test_a_bad_source_of_an_archive_is_named(tmp_path: Path, source: str) -> None:
    np.savez(tmp_path / "bad.npz", **ARCHIVE, source=source)
    with pytest.raises(UserError, match=r"bad\.npz: source is not that of `skelmap extract`"):
        read_origin(tmp_path / "bad.npz")
    assert len(read_clip(tmp_path / "bad.npz", "clip")) == 4


@pytest.mark.parametrize("key", ARCHIVE)
def test_missing_arrays_of_an_archive_are_named(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "bad.npz", **{k: v for k, v in ARCHIVE.items() if k != key})
    with pytest.raises(UserError, match=rf"bad\.npz: lacks {key}; it has"):
        read_clip(tmp_path / "bad.npz", "clip")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text_instead(path: Path) -> None:
    path.write_text("no archive")


def a_plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("keypoints.npy", "no array")


@pytest.mark.parametrize("damage", [cut, text_instead, a_plain_zip, Path.unlink])
def test_a_damaged_or_missing_archive_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "bad.npz"
    write_clip(path, make_clip(wave(20)))
    damage(path)
    with pytest.raises(UserError, match=r"bad\.npz: "):
        read_clip(path, "clip")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_is_either_harmless_or_named(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "bad.npz"
    write_clip(path, make_clip(wave(3)))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        read_clip(path, "clip")
    except UserError as error:
        assert "bad.npz" in str(error)


def test_an_archive_that_says_it_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    write_clip(path, make_clip(wave(3)))
    content = bytearray(path.read_bytes())
    for at in range(len(content) - 8):  # bit 0 of the flags in the central directory
        if content[at : at + 4] == b"PK\x01\x02":
            content[at + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.npz: not a readable clip archive \(.* is encrypted"):
        read_clip(path, "clip")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", **{**ARCHIVE, "frame": np.zeros(1_000_000, np.int64)})
    monkeypatch.setattr(archives, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("the archive was unpacked"))
    with pytest.raises(UserError, match=r"bomb\.npz: unpacks to 80\d{5} bytes; 1000000 are allowed"):
        read_clip(tmp_path / "bomb.npz", "clip")

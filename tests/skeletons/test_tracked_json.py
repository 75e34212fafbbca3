"""Tracked JSON of several programs: the same recording in each of their structures is the same clip."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skelmap.skeletons.checks import check_clip
from skelmap.skeletons.layouts import COCO_17
from skelmap.skeletons.readers import PoseFormat, read_clip

FORMAT = PoseFormat(COCO_17, (800, 600), 25.0)
FRAMES, TRACKS = (2, 2, 3, 4, 4), (7, 1, 7, 7, 1)
"""Two people; one is not seen in frame 3."""


def people() -> NDArray[np.float64]:
    """(5, 17, 3): the rows of FRAMES and TRACKS; the first wrist of each was not found."""
    rng = np.random.default_rng(0)
    points = rng.uniform(1, 100, (5, 17, 3)).round(2)
    points[..., 0] += 300 * np.array([track == 7 for track in TRACKS])[:, None]
    points[..., 2] = rng.uniform(0.1, 1, (5, 17)).round(3)
    points[:, 9] = 0
    return points


POINTS = people()
FLAT = [row.flatten().tolist() for row in POINTS]


def alphapose() -> Any:
    rows = zip(FLAT, FRAMES, TRACKS, strict=True)
    return [{"image_id": f"{f}.jpg", "category_id": 1, "keypoints": k, "score": 2.1, "idx": t} for k, f, t in rows]


def alphapose_reid() -> Any:
    return [{**person, "idx": [float(person["idx"])]} for person in alphapose()]


def coco_results() -> Any:
    """With -1 where a joint was not found."""
    rows = zip(POINTS, FRAMES, TRACKS, strict=True)
    return [{"image_id": f, "keypoints": np.where(k == 0, -1, k).flatten().tolist(), "track_id": t} for k, f, t in rows]


def by_person() -> Any:
    """As GEPC and STG-NF have it."""
    content: dict[str, Any] = {}
    for row, frame, track in zip(FLAT, FRAMES, TRACKS, strict=True):
        content.setdefault(str(track), {})[str(frame)] = {"keypoints": row, "scores": None}
    return content


def by_frame(person: Any, first: int = 0) -> list[list[Any]]:
    """The people of each frame, from a first frame to the last."""
    rows = list(zip(POINTS, FRAMES, TRACKS, strict=True))
    return [[person(k, t) for k, f, t in rows if f == frame] for frame in range(first, max(FRAMES) + 1)]


def mmpose() -> Any:
    def person(points: NDArray[np.float64], track: int) -> dict[str, Any]:
        xy, scores = points[:, :2].tolist(), np.where(points[:, 2], points[:, 2], 0.3).tolist()
        return {
            "keypoints": xy,
            "keypoint_scores": scores,
            "bbox": [[0, 0, 9, 9]],
            "bbox_score": 0.9,
            "track_id": track,
        }

    return [{"frame_id": number, "instances": found} for number, found in enumerate(by_frame(person, 2), 2)]


def mmpose_demo() -> Any:
    return {"meta_info": {"dataset_name": "coco"}, "instance_info": mmpose()}


def ultralytics() -> Any:
    """With 0, 0 and a confidence where a joint was not found."""

    def person(points: NDArray[np.float64], track: int) -> dict[str, Any]:
        x, y, confidence = points.T
        keypoints = {"x": x.tolist(), "y": y.tolist(), "visible": np.where(confidence, confidence, 0.3).tolist()}
        return {"name": "person", "class": 0, "confidence": 0.9, "box": {}, "track_id": track, "keypoints": keypoints}

    return by_frame(person)


@pytest.mark.parametrize(
    "written", [alphapose, alphapose_reid, coco_results, by_person, mmpose, mmpose_demo, ultralytics]
)
def test_the_same_recording_of_each_program_is_the_same_clip(tmp_path: Path, written: Any) -> None:
    path = tmp_path / "tracked.json"
    path.write_text(json.dumps(written()))
    clip = read_clip(path, "clip", FORMAT)
    assert (clip.layout, clip.size, clip.fps) == (COCO_17, (800, 600), 25)
    assert clip.track.tolist() == [1, 1, 7, 7, 7] and clip.frame.tolist() == [2, 4, 2, 3, 4]
    np.testing.assert_array_equal(clip.keypoints, POINTS[[1, 4, 0, 2, 3]].astype(np.float32))


@pytest.mark.parametrize("idx", [None, 0, [0], -1])
def test_people_without_numbers_of_their_own_are_tracked(tmp_path: Path, idx: Any) -> None:
    shared = {} if idx is None else {"idx": idx}
    points = [[[x + 5 * j, 10 * j + 1, 0.8][i] for j in range(17) for i in range(3)] for x in (0, 400, 401, 2)]
    content = [{"image_id": f, "keypoints": k, **shared} for f, k in zip((0, 0, 1, 1), points, strict=True)]
    (tmp_path / "coco.json").write_text(json.dumps(content))
    clip = read_clip(tmp_path / "coco.json", "clip", FORMAT)
    assert clip.track.tolist() == [0, 0, 1, 1]
    assert clip.keypoints[:, 0, 0].tolist() == [0, 2, 400, 401]


def test_one_person_may_have_the_number_0(tmp_path: Path) -> None:
    content = [
        {"image_id": i, "keypoints": FLAT[2 * (i // 9)], "idx": 0} for i in (0, 9)
    ]  # too far apart to be tracked
    (tmp_path / "one.json").write_text(json.dumps(content))
    assert read_clip(tmp_path / "one.json", "clip", FORMAT).track.tolist() == [0, 0]


@pytest.mark.parametrize("none", [{}, {"idx": None}, {"idx": -1}])
def test_people_of_whom_some_have_no_number_are_tracked_anew_and_this_is_said(
    none: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = [{"image_id": i, "keypoints": FLAT[0], **({"idx": 5} if i else none)} for i in range(3)]
    (tmp_path / "some.json").write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING):
        assert read_clip(tmp_path / "some.json", "clip", FORMAT).track.tolist() == [0, 0, 0]
    assert "some.json: 1 of 3 people have no number; all are tracked anew" in caplog.text


def test_an_empty_list_and_frames_without_people_are_an_empty_clip(tmp_path: Path) -> None:
    for content in ("[]", "[[], []]", '[{"frame_id": 0, "instances": []}]', '{"instance_info": []}'):
        (tmp_path / "nobody.json").write_text(content)
        assert len(read_clip(tmp_path / "nobody.json", "clip")) == 0


@pytest.mark.parametrize(
    ("image", "frame"),
    [("frame_0012.jpg", 12), ("2026-01-02/000012.png", 12), ("cam1_12.jp2", 12), ("12", 12), (12, 12), (12.0, 12)],
)
def test_the_frame_is_the_last_number_of_the_image(tmp_path: Path, image: Any, frame: int) -> None:
    (tmp_path / "one.json").write_text(json.dumps([{"image_id": image, "keypoints": FLAT[0]}]))
    assert read_clip(tmp_path / "one.json", "clip", FORMAT).frame.tolist() == [frame]


def test_normalised_coordinates_are_found(tmp_path: Path) -> None:
    """`summary(normalize=True)` of ultralytics."""
    person = ultralytics()[2][0]
    person["keypoints"] |= {axis: [value / 800 for value in person["keypoints"][axis]] for axis in "xy"}
    content = [[person]] * 10
    (tmp_path / "shares.json").write_text(json.dumps(content))
    (finding,) = check_clip(read_clip(tmp_path / "shares.json", "clip", FORMAT))
    assert finding.refused and "they are not pixels but shares of the image" in finding.text

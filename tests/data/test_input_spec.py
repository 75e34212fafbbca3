"""input_spec.json: written and read without loss; damaged files and folders of older versions are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.person_size import SizeRange
from skelmap.utils.errors import UserError

SPECS = {
    "maps": InputSpec("AE", 1, 30.0, BODY_25, MapSettings(channels=("body", "motion")), True, SizeRange(20, 30, 40)),
    "keypoints": InputSpec("kNN", 60, 29.97, COCO_17, KeypointSettings(COCO_17), False, None, bridge_seconds=0),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_is_written_is_read(spec: InputSpec, tmp_path: Path) -> None:
    spec.write(tmp_path)
    assert InputSpec.read(tmp_path) == spec


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window", 0),
        ("fps", "fast"),
        ("layout", "BODY_26"),
        ("representation", "video"),
        ("settings", {}),
        ("settings", {"joints": 3}),
        ("people_px", {"smallest": 3}),
        ("people_px", {"smallest": 3, "usual": 2, "largest": 4}),
        ("unknown", 1),
        ("pose_format", {"layout": "BODY_26"}),
        ("title", None),
    ],
)
def test_a_damaged_file_is_refused(key: str, value: Any, tmp_path: Path) -> None:
    SPECS["keypoints"].write(tmp_path)
    path = tmp_path / "input_spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError, match=r"input_spec\.json: damaged \("):
        InputSpec.read(tmp_path)


def test_a_key_that_an_older_version_did_not_write_is_named(tmp_path: Path) -> None:
    SPECS["maps"].write(tmp_path)
    path = tmp_path / "input_spec.json"
    path.write_text(json.dumps({key: v for key, v in json.loads(path.read_text()).items() if key != "pose_format"}))
    with pytest.raises(UserError, match=r"input_spec\.json: lacks pose_format: .*older version.*; train it again"):
        InputSpec.read(tmp_path)


def test_a_run_folder_of_an_older_version_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the folder of a finished run or an exported model"):
        InputSpec.read(tmp_path)
    (tmp_path / "eye.json").write_text("{}")
    with pytest.raises(UserError) as error:
        InputSpec.read(tmp_path)
    assert str(error.value) == f"{tmp_path}: a run of an older version (eye.json, now input_spec.json); train it again"

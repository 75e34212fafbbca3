"""Commands that take the properties of JSON recordings as options: `skelmap show` and scripts/locate_joints.py."""

import json
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hydra_config import ROOT
from skelmap.cli import main
from synthetic_data import as_coco, make_clip, wave, write_manifest


def locate_joints(arguments: Sequence[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["locate_joints.py", *arguments])
        runpy.run_path(str(ROOT / "scripts" / "locate_joints.py"), run_name="__main__")


def show(arguments: Sequence[str]) -> None:
    main(["show", *arguments])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two tracked files of COCO_17."""
    for seed, name in enumerate(("train", "test")):
        people = enumerate(as_coco(make_clip(wave(12, seed))).keypoints)
        content = [{"image_id": i, "keypoints": row.flatten().tolist()} for i, row in people]
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return write_manifest(tmp_path, [[name, f"{name}.json", name, name] for name in ("train", "test")])


@pytest.mark.parametrize(
    ("command", "options", "result"),
    [
        (show, ["train", "--film", "{out}.gif"], "{out}.gif"),
        (locate_joints, ["--out", "{out}", "--img-size", "14", "--resample", "area"], "{out}.md"),
    ],
)
def test_the_layout_of_json_is_given_on_the_command_line(
    command: Callable[[Sequence[str]], None], options: list[str], result: str, manifest: Path, tmp_path: Path
) -> None:
    arguments = [str(manifest), *(option.format(out=tmp_path / "out") for option in options)]
    with pytest.raises(
        SystemExit, match=r"17 joints where the declared layout BODY_25 has 25; set .*=COCO_17 \(.* --layout"
    ):
        command(arguments)
    command([*arguments, "--layout", "COCO_17", "--size", "640", "480", "--fps", "10"])
    assert Path(result.format(out=tmp_path / "out")).stat().st_size > 0
    with pytest.raises(SystemExit, match=r"image size 9x480; 16 to 16384 pixels a side are allowed"):
        command([*arguments, "--layout", "COCO_17", "--size", "9", "480"])


def test_show_needs_an_output(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        show([str(manifest), "train"])
    assert end.value.code == 2
    assert "--film" in capsys.readouterr().err


def test_show_names_an_unknown_clip(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: clip 'nobody' is not in .*manifest\.csv"):
        show([str(manifest), "nobody", "--json", str(tmp_path / "json")])

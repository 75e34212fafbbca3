"""Scripts that read JSON recordings without a configuration."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT
from synthetic_data import as_coco, make_clip, wave, write_manifest


def call(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(str(ROOT / "scripts" / script), run_name="__main__")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two tracked files of COCO_17."""
    for seed, name in enumerate(("train", "test")):
        people = enumerate(as_coco(make_clip(wave(12, seed))).keypoints)
        content = [{"image_id": i, "keypoints": row.flatten().tolist()} for i, row in people]
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return write_manifest(tmp_path, [[name, f"{name}.json", name, name] for name in ("train", "test")])


@pytest.mark.parametrize(
    ("script", "words", "result"),
    [
        ("show_clip.py", ["train", "--film", "{out}.gif"], "{out}.gif"),
        ("locate_joints.py", ["--out", "{out}", "--img-size", "14", "--resample", "area"], "{out}.md"),
    ],
)
def test_the_layout_of_json_is_named_on_the_command_line(
    script: str, words: list[str], result: str, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [manifest, *(word.format(out=tmp_path / "out") for word in words)]
    with pytest.raises(
        SystemExit, match=r"17 joints where the declared layout BODY_25 has 25; set .*=COCO_17 \(.* --layout"
    ):
        call(monkeypatch, script, *asked)
    call(monkeypatch, script, *asked, "--layout", "COCO_17", "--size", "640", "480", "--fps", "10")
    assert Path(result.format(out=tmp_path / "out")).stat().st_size > 0
    with pytest.raises(SystemExit, match=r"image size 9x480; 16 to 16384 pixels a side are allowed"):
        call(monkeypatch, script, *asked, "--layout", "COCO_17", "--size", "9", "480")


def test_a_clip_is_shown_somewhere(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, "show_clip.py", manifest, "train")
    assert end.value.code == 2
    assert "--film" in capsys.readouterr().err

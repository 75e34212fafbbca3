"""`skelmap check`: findings of a data set, in the terminal and on a page with typical frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from real_recordings import write_part
from skelmap.cli import main
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import BODY_25
from synthetic_data import make_clip, wave, write_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    good, swapped = wave(60, 1), wave(300, 2)
    sides = [BODY_25.joints.index(f"{side}_elbow") for side in ("left", "right")]
    swapped[:, sides] = swapped[:, sides[::-1]]
    write_clip(tmp_path / "good.npz", make_clip(good))
    write_clip(tmp_path / "swapped.npz", make_clip(swapped))
    write_clip(tmp_path / "test.npz", make_clip(wave(60, 3)))
    lines = [
        ["good", "good.npz", "train", "a"],
        ["swapped", "swapped.npz", "val", "b"],
        ["test", "test.npz", "test", "c"],
    ]
    return write_manifest(tmp_path, lines)


def test_findings_are_printed_and_on_the_page(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(manifest), "--out", str(tmp_path / "page.html")])
    printed, page = capsys.readouterr().out, (tmp_path / "page.html").read_text()
    assert "train  1 clips of 1 groups, 0.0 minutes" in printed
    finding = "swapped: left and right elbow are exchanged"
    assert f"warning: {finding}" in printed and finding in page
    assert page.count("<svg") == 3 and page.count(">left wrist</text>") == 3
    assert page.index("<h3>swapped</h3>") < page.index("<h3>good</h3>")


def test_recordings_that_cannot_be_used_are_all_named(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = make_clip(wave(60, 4))
    write_clip(tmp_path / "test.npz", replace(large, keypoints=large.keypoints * np.float32([3, 3, 1])))
    (tmp_path / "good.npz").write_bytes(b"no archive")
    with pytest.raises(SystemExit, match="1"):
        main(["check", str(manifest), "--out", str(tmp_path / "page.html")])
    printed = capsys.readouterr().out
    assert "problem: good:" in printed and "not a readable clip archive" in printed
    assert "problem: test:" in printed and "lie outside the image" in printed


def test_a_clean_data_set_has_no_findings(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(task), "--out", str(tmp_path / "page.html")])
    assert "no findings" in capsys.readouterr().out


def test_a_clip_without_people_has_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "empty.npz", make_clip(np.zeros((5, 25, 3), np.float32)))
    manifest = write_manifest(tmp_path, [["empty", "empty.npz", "train", "a"]])
    main(["check", str(manifest), "--out", str(tmp_path / "page.html")])
    assert "<svg" not in (tmp_path / "page.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("motions_body25/manifest_violin.csv", "motions_body25/manifest_json.csv"),
        *("work/nwucla/manifest_all_but_throw.csv", "work/uwiom/manifest_bend.csv"),
    ],
)
def test_clean_real_recordings_have_no_findings(
    name: str, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recordings of three pose estimators, cut bodies and crossed joints; docs/lab/data_checks.md has all."""
    manifest = data_folder / name
    part = write_part(manifest, tmp_path, 1 + len(manifest.read_text().splitlines()) // 60)
    main(["check", str(part), "--out", str(tmp_path / "page.html")])
    printed = capsys.readouterr().out
    findings = [line for line in printed.splitlines() if line.startswith(("warning:", "problem:"))]
    assert "minutes" in printed and [line for line in findings if "detections were left out" not in line] == []


def test_labels_and_detections_that_are_left_out_are_named(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = wave(60, 3)
    few[:20, 3:] = 0
    write_clip(tmp_path / "test.npz", make_clip(few))
    manifest.write_text(manifest.read_text().replace("test.npz,test,c,,", "test.npz,test,c,20-400,"))
    main(["check", str(manifest), "--out", str(tmp_path / "page.html")])
    printed = capsys.readouterr().out
    assert "warning: test: 20 detections were left out" in printed
    assert "warning: test: labels reach to frame 400, the recording ends at 60" in printed

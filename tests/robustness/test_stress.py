"""`skelmap check --stress RUN`: a run on damaged recordings; the damage itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from skelmap.cli import main
from skelmap.robustness.damage import break_tracks, drop_frames, drop_joints, every, jitter
from skelmap.robustness.scenes import make_scenes
from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.person_size import person_sizes
from skelmap.training.run import run
from synthetic_data import add_recordings, make_clip, wave


def test_damage_is_as_large_as_it_says() -> None:
    clip = make_clip(wave(900), track=np.zeros(900, np.int64))
    rng = np.random.default_rng(0)
    assert (drop_joints(clip, rng).keypoints[..., 2] > 0).mean() == pytest.approx(0.9, abs=0.01)
    dropped = drop_frames(clip, rng)
    assert dropped.present.mean() == pytest.approx(0.8, abs=0.05) and dropped.span == clip.span
    moved = (jitter(clip, rng).keypoints - clip.keypoints)[..., :2]
    assert moved.std() == pytest.approx(0.05 * np.median(person_sizes(clip.keypoints, clip.layout)), rel=0.05)
    assert every(3)(clip, rng).frame_rate == 10
    broken = break_tracks(clip, rng)
    assert 4 <= len(np.unique(broken.track)) <= 20 and broken.span == clip.span
    assert np.array_equal(np.sort(broken.frame), clip.frame) and 0.5 < broken.present.mean() < 1
    assert np.array_equal(broken.track, np.sort(broken.track))


def test_scenes_have_the_labels_and_the_length_of_their_first_clip() -> None:
    clips = [make_clip(wave(50 + 20 * i, i), str(i)) for i in range(4)]
    recordings = [Recording(str(i), Path(str(i)), "test", str(i), None if i == 0 else ()) for i in range(4)]
    labelled = list(zip(recordings, clips, strict=True))
    scenes = make_scenes(labelled, np.random.default_rng(0))
    assert [recording for recording, _ in scenes] == recordings
    for (_, scene), clip in zip(scenes, clips, strict=True):
        assert scene.span == clip.span and scene.size == (1920, 480) and len(np.unique(scene.track)) == 3
        assert np.array_equal(scene.keypoints[scene.track == 0], clip.keypoints)
    assert make_scenes(labelled[:2], np.random.default_rng(0)) == []


@pytest.mark.slow
def test_a_run_is_judged_again(
    task: Path, compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(task.parent, tmp_path / "task")
    manifest = tmp_path / "task" / "manifest.csv"
    add_recordings(manifest, "test", make_clip(wave(60, 8), "test_c"), make_clip(wave(60, 9), "test_d"))
    small = ("data=manifest", f"data.manifest={manifest}", "data.img_size=14", "data.seq_len=8", "model=pca_windows")
    metrics = run(compose(*small))
    main(["check", "--stress", str(tmp_path / "run")])
    content = json.loads((tmp_path / "run" / "stress.json").read_text())
    by_name = {result["name"]: result for result in content["results"]}
    assert by_name["as recorded"]["auroc"] == pytest.approx(metrics["auroc"], abs=1e-6)
    assert by_name["as recorded"]["scored"] == metrics["counts"]["scored"]
    assert by_name["broken tracks"]["frames"] == by_name["as recorded"]["frames"]
    assert by_name["a third of the frame rate"]["auroc"] is not None
    assert by_name["scenes, broken tracks"]["baseline"] == "scenes of three people" and len(by_name) == 9
    assert (tmp_path / "run" / "figures" / "stress.png").stat().st_size > 0
    assert "frames judged" in capsys.readouterr().out


def test_a_wrong_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--stress", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["check"])
    assert "give either a manifest or --stress RUN" in capsys.readouterr().err

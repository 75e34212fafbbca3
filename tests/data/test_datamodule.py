"""The data module: windows of each split, clock, indices for evaluation, checks of the data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.data.quality import quality_warnings
from skelmap.data.rendering import render_maps
from skelmap.data.windows import EvalIndex, Segments, window_starts
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError
from synthetic_data import as_coco, make_clip, wave, write_manifest, write_toy_dataset

Make = Callable[..., SkeletonDataModule]


@pytest.fixture
def make(task: Path, shared_cache: Path) -> Make:
    def build(manifest: Path = task, **change: object) -> SkeletonDataModule:
        maps = {"crop_size": 480, "resample": "bilinear", "line_width": 8, "line_unit": "source", "threshold": 0.1}
        keys = {"seq_len": 10, "maps": maps, "batch_size": 16}
        return SkeletonDataModule(manifest, shared_cache, **{**keys, **change})

    return build


def batches(data: SkeletonDataModule, split: str) -> list[Batch]:
    loader = {
        "train": data.train_dataloader,
        "val": data.val_dataloader,
        "test": lambda: data.predict_dataloader()[0],
    }[split]()
    return [data.on_after_batch_transfer(batch, 0) for batch in loader]


def direct_windows(data: SkeletonDataModule, split: str) -> dict[tuple[str, int], np.ndarray]:
    """(clip, first frame) -> maps of every window of a split, for clips of one person without gaps."""
    windows = {}
    for recording in data.manifest.split(split):
        clip = read_clip(recording.path, recording.clip)
        maps = render_maps(clip.keypoints, clip.layout, clip.size, data.settings)[:, 0]
        windows |= {(recording.clip, i): maps[i : i + data.window] for i in range(len(maps) - data.window + 1)}
    return windows


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("window", ["sequence", "frame"])
def test_batches_hold_the_maps_of_every_window_once(make: Make, split: str, window: str) -> None:
    data = make(window=window)
    served = {}
    for batch in batches(data, split):
        start, maps = batch.start, batch.windows
        assert maps.shape == (len(start), data.window, 1, 28, 28) and maps.dtype == torch.float32
        for row, window_maps in zip(start.tolist(), maps, strict=True):
            name = data.manifest.recordings[data.cache.clip[row]].clip
            served[name, int(data.cache.frame[row])] = window_maps[:, 0].bool().numpy()
    expected = direct_windows(data, split)
    assert served.keys() == expected.keys()
    assert all(np.array_equal(served[key], expected[key]) for key in expected)


@given(st.lists(st.integers(1, 30), max_size=5), st.integers(1, 5))
def test_windows_cover_every_row_of_a_segment_that_is_long_enough(lengths: list[int], t: int) -> None:
    first = np.cumsum([0, *lengths])[:-1]
    kept = Segments(first, np.array(lengths, np.int64)).at_least(t)
    covered = window_starts(kept, t)[:, None] + np.arange(t)
    rows = [row for begin, count in zip(*kept, strict=True) for row in range(begin, begin + count)]
    assert np.unique(covered).tolist() == rows


def test_recordings_of_mixed_rates_run_at_the_most_common_rate_of_training(tmp_path: Path, make: Make) -> None:
    manifest = write_toy_dataset(tmp_path)
    at_15 = Clip.build("test_mixed", wave(60, 4), BODY_25, (640, 480), 15.0)
    write_clip(tmp_path / "test_mixed.npz", at_15)
    data = make(manifest)
    assert data.fps == 30
    index = data.splits.eval_index("test")
    mixed = index.frame[index.clip == 0]
    assert mixed.tolist() == list(range(119)) and index.spans[0] == (0, 119)
    assert index.recordings[0].abnormal == ((60, 120),)  # frames 30 to 60 at 15 a second
    assert make(manifest, fps=15).fps == 15
    of_seconds = make(manifest, seq_len=None, seconds=0.5)
    assert (of_seconds.seq_len, of_seconds.window, of_seconds.hparams["seq_len"]) == (15, 15, 15)


def test_rates_that_hardly_differ_are_one(tmp_path: Path, make: Make) -> None:
    for name, fps in (("a", 15.0), ("b", 29.9), ("c", 30.2), ("d", 15.0), ("e", 29.97)):
        write_clip(tmp_path / f"{name}.npz", Clip.build(name, wave(40), BODY_25, (640, 480), fps))
    manifest = write_manifest(tmp_path, [[name, f"{name}.npz", "train", name] for name in "abcde"])
    assert make(manifest).fps == 29.9


def test_every_third_frame_of_30_a_second_is_a_recording_of_10_with_the_labels_of_its_file_numbers(
    tmp_path: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenPose with --frame_step 3, as folders and as tracked JSON, against archives at 10 frames a second."""
    keypoints, numbers = wave(40), 3 * np.arange(40) + 3  # some programs count from 1
    lines = [["a", "a.npz", "train", "a", "", ""], ["b", "b.npz", "test", "b", "7-13;30-31", "wave:1-20"]]
    for name in "ab":
        clip = Clip.build(name, keypoints, BODY_25, (640, 480), 10.0, np.arange(40) + 1)
        (tmp_path / "plain").mkdir(exist_ok=True)
        write_clip(tmp_path / "plain" / f"{name}.npz", clip)
    folder = tmp_path / "steps" / "a"
    folder.mkdir(parents=True)
    flat = keypoints.reshape(40, 75).tolist()
    for number, row in zip(numbers, flat, strict=True):
        people = [{"pose_keypoints_2d": row}]
        (folder / f"a_{number:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    rows = zip(numbers, flat, strict=True)
    content = [{"image_id": f"{number}.jpg", "keypoints": row, "idx": 1} for number, row in rows]
    (tmp_path / "steps" / "b.json").write_text(json.dumps(content))
    plain = make(write_manifest(tmp_path / "plain", lines))
    in_files = [["a", "a", "train", "a", "", ""], ["b", "b.json", "test", "b", "19-37;90-91", "wave:3-60"]]
    steps = make(write_manifest(tmp_path / "steps", in_files))
    caplog.set_level("INFO")
    for _ in range(2):  # the second time from what is remembered of the files
        assert steps.fps == plain.fps == 10
        found, expected = steps.splits.eval_index("test"), plain.splits.eval_index("test")
        assert found.recordings[0].abnormal == ((7, 13), (30, 31)) and found.spans == expected.spans == ((1, 41),)
        for name in ("frame", "starts", "clip"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        np.testing.assert_array_equal(
            found.recordings[0].labels(found.frame), expected.recordings[0].labels(expected.frame)
        )
        assert (found.recordings[0].action_names(found.frame) == "wave").sum() == 19
        torch.testing.assert_close(steps.gather(torch.arange(60)), plain.gather(torch.arange(60)), rtol=0, atol=0)
        steps = make(tmp_path / "steps" / "manifest.csv")
    message = "clip a has frame numbers in steps of 3: 10 frames per second, not 30; so do 1 more"
    assert [record.message for record in caplog.records].count(message) == 2


def test_validation_scores_include_the_windows_that_a_camera_would_score(tmp_path: Path, make: Make) -> None:
    write_toy_dataset(tmp_path)
    write_clip(tmp_path / "val.npz", make_clip(wave(16), frame=np.array([*range(4), *range(20, 32)])))
    manifest = tmp_path / "manifest.csv"
    single = make(manifest, window="frame")
    assert len(single.starts("val")) == 12 and len(single.scored_starts("val")) == 16
    assert len(make(manifest).scored_starts("val")) == 3


def test_the_detection_rate_is_the_share_of_frames_with_a_joint(make: Make) -> None:
    data = make(representation="keypoints")
    clips = [read_clip(r.path, r.clip) for r in data.manifest.split("train")]
    seen = np.concatenate([clip.keypoints[clip.present][..., 2] > 0 for clip in clips])
    np.testing.assert_allclose(data.detection_rate("train"), seen.mean(axis=0), rtol=1e-6)


def test_clips_of_different_layouts_are_refused_for_keypoints_only(make: Make, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path)
    write_clip(tmp_path / "val.npz", as_coco(read_clip(tmp_path / "val.npz", "val")))
    with pytest.raises(UserError, match="clip train_a has layout BODY_25, clip val COCO_17; keypoints of one data set"):
        make(task, representation="keypoints")
    assert len(batches(make(task), "val"))


def test_training_is_shuffled_by_epoch_and_the_rest_is_in_order(make: Make) -> None:
    data = make()
    train = torch.cat([b.start for b in batches(data, "train")])
    assert train.tolist() != sorted(train.tolist()) and sorted(train.tolist()) == data.starts("train").tolist()
    for split in ("val", "test"):
        starts = torch.cat([b.start for b in batches(data, split)])
        assert starts.tolist() == sorted(starts.tolist())


def test_the_stride_applies_to_training_and_validation_but_not_to_the_test(make: Make) -> None:
    every, third = make(), make(window_stride=3)
    for split in ("train", "val"):
        assert 0 < len(third.starts(split)) <= len(every.starts(split)) / 2
    np.testing.assert_array_equal(third.scored_starts("test"), every.scored_starts("test"))


def test_seq_len_model_and_batch_size_share_one_cache(make: Make) -> None:
    changes = [{}, {"seq_len": 5}, {"window": "frame"}, {"batch_size": 3}, {"window_stride": 4}, {"seed": 9}]
    assert len({make(**change).cache.path for change in changes}) == 1
    assert make(img_size=30).cache.path != make().cache.path


def test_frame_models_get_the_frames_of_all_windows(tmp_path: Path, make: Make) -> None:
    write_toy_dataset(tmp_path)
    gaps = np.array([*range(0, 12), *range(20, 25), *range(40, 55)])
    write_clip(tmp_path / "train_a.npz", make_clip(wave(len(gaps)), frame=gaps))
    windows, frames = (make(tmp_path / "manifest.csv", window=w).starts("train") for w in ("sequence", "frame"))
    assert np.unique(windows[:, None] + np.arange(10)).tolist() == frames.tolist()


def test_the_eval_index_describes_the_test_split(make: Make) -> None:
    data = make(seq_len=20)
    rows: EvalIndex = data.splits.eval_index("test")
    assert [r.clip for r in rows.recordings] == ["test_mixed", "test_normal", "test_abnormal"]
    assert rows.spans == ((0, 60),) * 3 and rows.fps == 30.0 and rows.seq_len == 20
    np.testing.assert_array_equal(rows.clip, np.repeat([0, 1, 2], 60))
    np.testing.assert_array_equal(rows.frame, np.tile(np.arange(60), 3))
    np.testing.assert_array_equal(rows.starts, [60 * c + i for c in range(3) for i in range(41)])


def test_rows_of_cache_and_test_split_convert_into_each_other(make: Make) -> None:
    data = make()
    numbers = np.arange(180)
    rows = data.splits.rows("test")[numbers]
    np.testing.assert_array_equal(data.splits.eval_rows("test", torch.from_numpy(rows)).numpy(), numbers)
    names = [data.manifest.recordings[c].split for c in data.cache.clip[rows]]
    assert set(names) == {"test"}


def test_rows_of_one_group_have_one_number(make: Make) -> None:
    data = make()
    groups = [data.manifest.recordings[clip].group for clip in data.cache.clip]
    number = data.splits.groups_of(torch.arange(len(groups))).numpy()
    assert np.array_equal(np.equal.outer(number, number), np.equal.outer(groups, groups))


def test_validation_may_be_empty(tmp_path: Path, make: Make) -> None:
    data = make(write_toy_dataset(tmp_path, with_val=False))
    data.setup()
    assert not data.val_dataloader() and not len(data.starts("val"))


def test_a_window_longer_than_every_segment_is_refused(make: Make) -> None:
    with pytest.raises(UserError, match=r"data\.seq_len=61 frames in split train: .* has 60; allowed are 1 to 60"):
        make(seq_len=61).setup()
    make(seq_len=60).setup()


def test_a_split_without_people_is_refused(tmp_path: Path, make: Make) -> None:
    write_clip(tmp_path / "a.npz", make_clip(wave(20)))
    write_clip(tmp_path / "b.npz", make_clip(np.zeros((20, 25, 3), np.float32)))
    manifest = write_manifest(tmp_path, [["a", "a.npz", "train", "a"], ["b", "b.npz", "test", "b"]])
    with pytest.raises(UserError, match="no frame of split test shows a person"):
        make(manifest).setup()


@pytest.mark.parametrize(("missing", "stage"), [("train", "fit"), ("test", "test"), ("train", None)])
def test_a_split_without_recordings_is_refused(missing: str, stage: str | None, tmp_path: Path, make: Make) -> None:
    write_clip(tmp_path / "a.npz", make_clip(wave(20)))
    data = make(write_manifest(tmp_path, [["a", "a.npz", "test" if missing == "train" else "train", "a"]]))
    with pytest.raises(UserError, match=f"manifest.csv: no recording of split {missing}"):
        data.setup(stage)


def test_a_span_outside_its_clip_is_refused(tmp_path: Path, make: Make) -> None:
    for name in "ab":
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(20)))
    manifest = write_manifest(tmp_path, [["a", "a.npz", "train", "a"], ["b", "b.npz", "test", "b", "1165-1292"]])
    with pytest.raises(UserError, match=r"manifest\.csv: clip b: abnormal 1165-1292 of frames 0-20"):
        make(manifest).setup()


def test_only_data_of_the_simulation_are_simulated(tmp_path: Path, make: Make) -> None:
    manifest = write_toy_dataset(tmp_path)
    assert not make(manifest).simulated
    (tmp_path / "simulation.json").write_text("{}")
    assert make(manifest).simulated


def test_people_larger_than_the_crop_are_warned_about(tmp_path: Path, make: Make) -> None:
    def warnings(data: SkeletonDataModule) -> list[str]:
        return quality_warnings(data)

    assert warnings(make()) == []
    clip = make_clip(wave(20))
    large = Clip.build("large", clip.keypoints * np.float32((3, 3, 1)), clip.layout, (1920, 1440), clip.fps)
    write_clip(tmp_path / "large.npz", large)
    manifest = write_manifest(tmp_path, [["large", "large.npz", "train", "a"]])
    points = large.keypoints[..., :2] - large.keypoints[:, BODY_25.joints.index("neck"), None, :2]
    share = (np.abs(points).max(axis=-1) > 240).mean()
    for data in (make(manifest), make(manifest)):  # of a new cache and of an existing one
        (warning,) = warnings(data)
        assert warning.startswith(f"{share:.0%} of the detected joints lie outside the maps")
        assert "data.maps.crop_size=480" in warning and "data.maps.line_width" in warning
    assert warnings(make(manifest, maps={"crop_size": 1440, "line_width": 24})) == []
    assert warnings(make(manifest, representation="keypoints")) == []

"""The DataModule serves the maps of exactly the windows that the manifest allows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.data.rendering import draw_maps
from skelmap.data.windows import EvalIndex, Segments, span, window_starts
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip, write_clip
from skelmap.utils.errors import UserError
from synthetic_data import as_coco, make_clip, wave, write_manifest, write_toy_dataset

Make = Callable[..., SkeletonDataModule]


@pytest.fixture
def make(task: Path, shared_cache: Path) -> Make:
    def build(manifest: Path = task, **change: object) -> SkeletonDataModule:
        maps = {"crop_size": 480, "resample": "bilinear", "line_width": 8, "line_unit": "source", "threshold": 0.1}
        keys = {"seq_len": 10, "window": 10, "representation": "maps", "img_size": 28, "maps": maps, "batch_size": 16}
        json = {"layout": "BODY_25", "size": [640, 480], "fps": 30}
        return SkeletonDataModule(manifest, shared_cache, **{**keys, "json": json, **change})

    return build


def batches(data: SkeletonDataModule, split: str) -> list[Batch]:
    loader = {"train": data.train_dataloader, "val": data.val_dataloader, "test": data.predict_dataloader}[split]()
    return [data.on_after_batch_transfer(batch, 0) for batch in loader]


def direct_windows(data: SkeletonDataModule, split: str) -> dict[tuple[str, int], np.ndarray]:
    """(clip, first frame) -> maps of every window of a split, for clips of one person without gaps."""
    windows = {}
    for recording in data.manifest.split(split):
        clip = read_clip(recording.path, recording.clip)
        maps = draw_maps(clip.keypoints, clip.layout, clip.size, data.settings)[:, 0]
        windows |= {(recording.clip, i): maps[i : i + data.window] for i in range(len(maps) - data.window + 1)}
    return windows


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("window", [10, 1])
def test_batches_hold_the_maps_of_every_window_once(make: Make, split: str, window: int) -> None:
    data = make(window=window)
    served = {}
    for batch in batches(data, split):
        start, maps = batch.start, batch.windows
        assert maps.shape == (len(start), window, 1, 28, 28) and maps.dtype == torch.float32
        for row, window_maps in zip(start.tolist(), maps, strict=True):
            name = data.manifest.recordings[data.cache.clip[row]].clip
            served[name, int(data.cache.frame[row])] = window_maps[:, 0].bool().numpy()
    expected = direct_windows(data, split)
    assert served.keys() == expected.keys()
    assert all(np.array_equal(served[key], expected[key]) for key in expected)


@pytest.mark.parametrize("window", [6, 1])
def test_windows_of_every_third_frame(window: int, make: Make) -> None:
    every, third = make(seq_len=18, window=1), make(seq_len=6, window=window, frame_step=3)
    length = 60 - (window - 1) * 3
    starts = [clip * 60 + i for clip in range(3) for i in range(length)]
    assert third.test_row(torch.from_numpy(third.starts("test"))).tolist() == starts
    for batch in batches(third, "train"):
        rows = batch.start[:, None] + torch.tensor([0, 3, 6, 9, 12, 15])[:window]
        assert torch.equal(batch.windows, every.gather(rows.flatten()).view(batch.windows.shape))
    rows = third.test_rows()
    assert (rows.span, rows.shortest) == (16, 18)
    np.testing.assert_array_equal(rows.starts, [clip * 60 + i for clip in range(3) for i in range(45)])


@given(st.lists(st.integers(1, 30), max_size=5), st.integers(1, 5), st.integers(1, 4))
def test_windows_cover_every_row_of_a_run_that_is_long_enough(lengths: list[int], t: int, step: int) -> None:
    first = np.cumsum([0, *lengths])[:-1]
    kept = Segments(first, np.array(lengths, np.int64)).at_least(t * step)
    covered = window_starts(kept, span(t, step))[:, None] + step * np.arange(t)
    rows = [row for begin, count in zip(*kept, strict=True) for row in range(begin, begin + count)]
    assert np.unique(covered).tolist() == rows


def test_only_rows_that_depend_on_the_one_before_are_cached_by_step(make: Make) -> None:
    def paths(**change: object) -> set[Path]:
        return {make(frame_step=step, seq_len=3, **change).cache.path for step in (1, 3)}

    assert len(paths()) == 1
    assert len(paths(representation="keypoints")) == len(paths(maps={"channels": ["body", "motion"]})) == 2


def test_the_share_of_frames_in_which_a_joint_was_seen(make: Make) -> None:
    data = make(representation="keypoints")
    clips = [read_clip(r.path, r.clip) for r in data.manifest.split("train")]
    seen = np.concatenate([clip.keypoints[clip.present][..., 2] > 0 for clip in clips])
    np.testing.assert_allclose(data.seen_share("train"), seen.mean(axis=0), rtol=1e-6)


def test_clips_of_different_layouts_make_no_keypoints_but_maps(make: Make, tmp_path: Path) -> None:
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


def test_the_stride_thins_out_training_and_validation_but_never_the_test(make: Make) -> None:
    every, third = make(), make(stride=3)
    for split in ("train", "val"):
        assert 0 < len(third.starts(split)) <= len(every.starts(split)) / 2
    np.testing.assert_array_equal(third.starts("test"), every.starts("test"))


def test_seq_len_model_and_batch_size_share_one_cache(make: Make) -> None:
    changes = [{}, {"seq_len": 5, "window": 5}, {"window": 1}, {"batch_size": 3}, {"stride": 4}, {"seed": 9}]
    assert len({make(**change).cache.path for change in changes}) == 1
    assert make(img_size=30).cache.path != make().cache.path


def test_frame_models_see_the_frames_that_window_models_see(tmp_path: Path, make: Make) -> None:
    write_toy_dataset(tmp_path)
    gaps = np.array([*range(0, 12), *range(20, 25), *range(40, 55)])
    write_clip(tmp_path / "train_a.npz", make_clip(wave(len(gaps)), frame=gaps))
    windows, frames = (make(tmp_path / "manifest.csv", window=w).starts("train") for w in (10, 1))
    assert np.unique(windows[:, None] + np.arange(10)).tolist() == frames.tolist()


def test_test_rows_describe_the_test_split(make: Make) -> None:
    data = make(seq_len=20)
    rows: EvalIndex = data.test_rows()
    assert [r.clip for r in rows.recordings] == ["test_mixed", "test_normal", "test_abnormal"]
    assert rows.spans == ((0, 60),) * 3 and rows.fps == (30.0,) * 3 and rows.seq_len == 20
    np.testing.assert_array_equal(rows.clip, np.repeat([0, 1, 2], 60))
    np.testing.assert_array_equal(rows.frame, np.tile(np.arange(60), 3))
    np.testing.assert_array_equal(rows.starts, [60 * c + i for c in range(3) for i in range(41)])


def test_rows_of_cache_and_test_split_convert_into_each_other(make: Make) -> None:
    data = make()
    numbers = np.arange(180)
    rows = data.cache_row(numbers)
    np.testing.assert_array_equal(data.test_row(torch.from_numpy(rows)).numpy(), numbers)
    names = [data.manifest.recordings[c].split for c in data.cache.clip[rows]]
    assert set(names) == {"test"}


def test_rows_of_one_group_have_one_number(make: Make) -> None:
    data = make()
    groups = [data.manifest.recordings[clip].group for clip in data.cache.clip]
    number = data.groups_of(torch.arange(len(groups))).numpy()
    assert np.array_equal(np.equal.outer(number, number), np.equal.outer(groups, groups))


def test_validation_may_be_empty(tmp_path: Path, make: Make) -> None:
    data = make(write_toy_dataset(tmp_path, with_val=False))
    data.setup()
    assert not data.val_dataloader() and not len(data.starts("val"))


def test_a_window_longer_than_every_run_is_refused_with_the_longest(make: Make) -> None:
    with pytest.raises(UserError, match=r"data\.seq_len=61 frames in split train: .* has 60; allowed are 1 to 60"):
        make(seq_len=61, window=61).setup()
    make(seq_len=60, window=60).setup()
    with pytest.raises(UserError, match=r"seq_len=21 frames, data\.frame_step=3 apart, .* 1 to 60 for the product"):
        make(seq_len=21, window=21, frame_step=3).setup()
    make(seq_len=20, window=20, frame_step=3).setup()


def test_a_split_without_anybody_is_refused(tmp_path: Path, make: Make) -> None:
    write_clip(tmp_path / "a.npz", make_clip(wave(20)))
    write_clip(tmp_path / "b.npz", make_clip(np.zeros((20, 25, 3), np.float32)))
    manifest = write_manifest(tmp_path, [["a", "a.npz", "train", "a"], ["b", "b.npz", "test", "b"]])
    with pytest.raises(UserError, match="nobody is in any frame of split test"):
        make(manifest).setup()


@pytest.mark.parametrize(("missing", "stage"), [("train", "fit"), ("test", "predict"), ("test", None)])
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


def test_only_data_written_by_the_simulation_are_called_simulated(tmp_path: Path, make: Make) -> None:
    manifest = write_toy_dataset(tmp_path)
    assert not make(manifest).simulated
    (tmp_path / "simulation.json").write_text("{}")
    assert make(manifest).simulated


def test_people_larger_than_the_cut_are_told(tmp_path: Path, make: Make) -> None:
    assert make().cut_off == ""
    clip = make_clip(wave(20))
    large = Clip.build("large", clip.keypoints * np.float32((3, 3, 1)), clip.layout, (1920, 1440), clip.fps)
    write_clip(tmp_path / "large.npz", large)
    manifest = write_manifest(tmp_path, [["large", "large.npz", "train", "a"]])
    points = large.keypoints[..., :2] - large.keypoints[:, BODY_25.joints.index("neck"), None, :2]
    share = (np.abs(points).max(axis=-1) > 240).mean()
    for data in (make(manifest), make(manifest)):  # of the cache that is built, and of the one that is there
        assert data.cut_off.startswith(f"{share:.0%} of the seen joints lie outside the maps")
        assert "data.maps.crop_size=480" in data.cut_off and "data.maps.line_width" in data.cut_off
    assert make(manifest, maps={"crop_size": 1440, "line_width": 24}).cut_off == ""
    assert make(manifest, representation="keypoints").cut_off == ""

"""The LightningDataModule: windows of skeleton maps or keypoints, gathered and unpacked on the model's device."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader

from skelmap.data.cache import Clock, SkeletonCache, open_cache
from skelmap.data.digests import content_digest
from skelmap.data.example_windows import ExampleWindows
from skelmap.data.keypoints import KeypointSettings, Representation
from skelmap.data.recording_formats import RecordingFormats
from skelmap.data.rendering import MapSettings, MapSide
from skelmap.data.sampler import ResumableBatchSampler, WindowDataset
from skelmap.data.splits import Splits
from skelmap.data.windows import WindowKind, WindowLength, WindowSeconds, window_length
from skelmap.skeletons.examples import add_examples
from skelmap.skeletons.folds import deal_fold
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.manifest import Manifest, check_spans, check_unique, read_manifest
from skelmap.skeletons.person_filter import MinJoints, MinSize, PersonFilter
from skelmap.skeletons.person_size import SizeRange, size_range
from skelmap.skeletons.readers import PoseFormat, make_pose_format
from skelmap.skeletons.resampling import BridgeSeconds
from skelmap.utils.errors import UserError
from skelmap.utils.schema import FilePath, FrameRate, PositiveInt, Seed

SCORED_PIXELS = 6_000_000
"""Pixels in a batch of windows to be scored: 255 windows of 30 maps of 28 px, 63 of 56 px; 256 windows at most, unless
`batch_size` is larger. Half as many take 200 MB less and up to a tenth longer."""


class Batch(NamedTuple):
    """A batch of windows.

    Attributes:
        start: (B,) int64 first row of each window.
        windows: (B, window, C, H, W) float32, maps in 0..1; of keypoints (B, window, 1, V, 2).
    """

    start: Tensor
    windows: Tensor


class SkeletonDataModule(pl.LightningDataModule):
    """Windows of the recordings of a manifest.

    Recordings are resampled to one clock, short gaps are bridged, frames are rendered once and cached. Windows are not
    materialised: the loaders yield row numbers, and `on_after_batch_transfer` gathers the packed frames and unpacks
    them on the model's device.

    Args:
        manifest: the CSV of the data set.
        cache_dir: folder of the caches.
        seq_len: T, frames; segments of fewer than T frames are left out of every split, for every model.
        seconds: T in seconds, in place of `seq_len`; without both T is 30 frames.
        window: "sequence", T successive frames, or "frame", single frames.
        representation: "maps", or "keypoints": neck-centred joints.
        img_size: side of the maps, px.
        maps: further settings of the maps by name (`MapSettings`).
        pose_format: what JSON recordings do not state (`PoseFormat`): layout by name, size, fps.
        fps: the model's clock, frames a second; None takes the most common rate of the training recordings.
        bridge_seconds: gaps in a person's detections up to this length are bridged; 0 bridges none.
        min_joints: detections with fewer joints of the body (nose, neck, arms, hips, legs) are left out.
        min_size: detections whose box is smaller than this share of the image's shorter side are left out.
        folds: number of folds of a cross-validation over groups; None takes the splits of the manifest.
        fold: number of the fold that is the test split, from 0 (`deal_fold`).
        fold_by: column of the manifest whose values are dealt into folds.
        fold_seed: of the dealing.
        examples: a CSV of labelled recordings: abnormal examples, and confirmed normal work, which joins the training
            windows; None for one-class training. With `folds`, those of the fold's groups are test recordings.
        n_examples: abnormal examples to choose at random, of wholly abnormal clips and abnormal spans; None for all.
        batch_size: windows in a training or validation batch, shared by all processes.
        window_stride: frames from one training or validation window to the next; windows to be scored have stride 1.
        seed: of the training order.

    Raises:
        UserError: the manifest or a recording cannot be read.
    """

    def __init__(
        self,
        manifest: FilePath | Path,
        cache_dir: FilePath | Path = "outputs/cache",
        seq_len: WindowLength | None = None,
        seconds: WindowSeconds | None = None,
        window: WindowKind = "sequence",
        representation: Representation = "maps",
        img_size: MapSide = 28,
        maps: Mapping[str, Any] | None = None,
        pose_format: Mapping[str, Any] | None = None,
        fps: FrameRate | None = None,
        bridge_seconds: BridgeSeconds = 0.2,
        min_joints: MinJoints = 5,
        min_size: MinSize = 0.03,
        folds: Annotated[int, Field(ge=2)] | None = None,
        fold: Annotated[int, Field(ge=0)] = 0,
        fold_by: str = "group",
        fold_seed: Seed = 0,
        examples: FilePath | Path | None = None,
        n_examples: Annotated[int, Field(ge=0)] | None = None,
        batch_size: PositiveInt = 16,
        window_stride: PositiveInt = 1,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        # checkpoints hold plain values only
        manifest, cache_dir, examples = str(manifest), str(cache_dir), None if examples is None else str(examples)
        maps, pose_format = dict(maps or {}), dict(pose_format or {})
        self.save_hyperparameters(logger=False)
        self.pose_format = make_pose_format(**pose_format)
        paths = Path(manifest), None if examples is None else Path(examples)
        self.manifest, self._labelled = _read(*paths, self.pose_format, folds, fold, fold_by, fold_seed)
        self.cache_dir = Path(cache_dir)
        self.batch_size, self.window_stride, self.seed = batch_size, window_stride, seed
        self._formats = RecordingFormats(self.manifest, self.pose_format, self.cache_dir / "sources")
        self.clock = Clock(fps or self.recording_fps, bridge_seconds)
        self.seq_len = window_length(seq_len, seconds, self.clock.fps)
        self.window = self.seq_len if window == "sequence" else 1
        self.person_filter = PersonFilter(min_joints, min_size)
        style = MapSettings(img_size=img_size, **maps)
        self.settings: MapSettings | KeypointSettings = style
        if representation == "keypoints":
            self.settings = KeypointSettings(self._formats.common_layout, style.crop_size)
            self.hparams["layout"] = self.settings.layout.name  # a checkpoint of other joints is recognised by it
        # what a checkpoint must have in common with the data, defaults included
        self.hparams["maps"] = {**vars(style), "channels": list(style.channels)}
        del self.hparams["maps"]["img_size"], self.hparams["seconds"]  # keys of their own: img_size, seq_len
        self.hparams["fps"], self.hparams["seq_len"] = self.clock.fps, self.seq_len
        self._packed: dict[torch.device, Tensor] = {}

    @property
    def recording_format(self) -> PoseFormat:
        """Layout, image size and rate of the recordings: those declared for JSON; of archives the most common ones."""
        return self._formats.most_common

    @property
    def layout(self) -> Layout:
        """Joint layout of the first recording; with keypoints, of all recordings."""
        return self._formats.headers[0].layout

    @property
    def fps(self) -> float:
        """Frames a second of the windows: the model's clock."""
        return self.clock.fps

    @property
    def recording_fps(self) -> float:
        """Most common frame rate of the training recordings, frames a second."""
        return self._formats.most_common_fps

    @cached_property
    def cache(self) -> SkeletonCache:
        """The frames of all recordings, built when first needed.

        Raises:
            UserError: a recording cannot be read or contradicts what was declared; labelled spans lie outside a clip.
        """
        recordings = self.manifest.recordings
        self._formats.report_steps()
        settings = self.settings, self.cache_dir, self.clock, self.pose_format, self.person_filter
        cache = open_cache(recordings, *settings)
        check_spans(self.manifest.path, recordings, cache.source_spans)
        return cache

    @cached_property
    def splits(self) -> Splits:
        """The rows of each split, in the cache."""
        return Splits(self.manifest.recordings, self.cache, self.seq_len)

    @property
    def name(self) -> str:
        """File and folder of the manifest."""
        return self.manifest.name

    @property
    def simulated(self) -> bool:
        """Whether the data set is simulated."""
        return self.manifest.simulated

    def digests(self) -> dict[str, str]:
        """Digest the manifest and the recordings, 32 hexadecimal digits each.

        Raises:
            UserError: a file cannot be read.
        """
        recordings = content_digest(self.manifest.recordings, self.cache_dir / "sources")
        labelled = {} if self._labelled is None else {"examples": self._labelled.digest}
        return {"manifest": self.manifest.digest, **labelled, "recordings": recordings}

    def prepare_data(self) -> None:
        """Build the cache, in one process."""
        _ = self.cache

    def setup(self, stage: str | None = None) -> None:
        """Check that there are windows to train on and to evaluate before any work is done.

        Args:
            stage: "fit" needs the train split, "test" the test split, None the train split and, if the manifest has
                one, the test split. "predict" needs none: it scores what there is.

        Raises:
            UserError: a split that is needed has no recording, or none with T successive frames of a person.
        """
        needed = {"fit": ["train"], "test": ["test"], None: ["train"]}.get(stage, [])
        if stage is None and self.manifest.split("test"):
            needed.append("test")
        for split in needed:
            if not self.manifest.split(split):
                raise UserError(f"{self.manifest.path}: no recording of split {split}")
            if not len(self.splits.starts(split, self.window, shortest=self.seq_len)):
                raise UserError(f"{self.manifest.path}: {self.splits.explain_no_window(split, self.person_filter)}")

    def starts(self, split: str) -> NDArray[np.int64]:
        """First row of each training or validation window, (W,) int64; for every model within segments of T frames.

        Windows of confirmed normal work (`examples`) are training windows.
        """
        starts = self.splits.starts(split, self.window, self.window_stride, self.seq_len)
        return np.concatenate([starts, self.example_windows.normal]) if split == "train" else starts

    @cached_property
    def example_windows(self) -> ExampleWindows:
        """Windows of the labelled examples, within segments of T frames.

        Raises:
            UserError: `n_examples` is more than there are, or no window of T frames fits into any labelled recording.
        """
        number = self.hparams["n_examples"]
        if self._labelled is None:
            if number is not None:
                raise UserError(f"data.n_examples={number} without data.examples; allowed without it: null")
            return ExampleWindows.none()
        found = self.splits.example_windows(self.window, self.window_stride)
        try:
            return found.choose(number, self.seed)
        except UserError as error:
            raise UserError(f"{self._labelled.path}: {error} (data.seq_len={self.seq_len})") from None

    def scored_starts(self, split: str) -> NDArray[np.int64]:
        """First row of each window that is scored, (W,) int64, at stride 1.

        Test windows lie within segments of at least T frames, so that all models are evaluated on the same frames.
        Validation windows, for thresholds, are all those that a live camera would score.
        """
        return self.splits.starts(split, self.window, shortest=self.seq_len if split == "test" else 1)

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Training windows, shuffled."""
        return self._loader("train", self.starts("train"), self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Tensor] | list[Any]:
        """Validation windows, in order; an empty list without a val split."""
        starts = self.starts("val")
        return self._loader("val", starts, self.batch_size) if len(starts) else []

    def predict_dataloader(self) -> list[DataLoader[Tensor]]:
        """Windows to be scored of each split in `scored_splits`, in order, at stride 1, in large batches."""
        return [self._scored_loader(split) for split in self.scored_splits]

    def test_dataloader(self) -> DataLoader[Tensor]:
        """Windows of the test split, as in `predict_dataloader`."""
        return self._scored_loader("test")

    def _scored_loader(self, split: str) -> DataLoader[Tensor]:
        fitting = SCORED_PIXELS // (self.window * prod(self.settings.shape))
        processes = self.trainer.world_size if self.trainer else 1
        batch_size = processes * max(self.batch_size, min(fitting, 256))
        return self._loader(split, self.scored_starts(split), batch_size)

    @property
    def scored_splits(self) -> list[str]:
        """Splits with windows to be scored: test, then val."""
        return [split for split in ("test", "val") if len(self.scored_starts(split))]

    def _loader(
        self, split: str, starts: NDArray[np.int64], batch_size: int, shuffle: bool = False
    ) -> DataLoader[Tensor]:
        windows = WindowDataset(starts)
        rank, processes = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        if min(batch_size, len(windows)) < processes:
            raise UserError(
                f"{processes} processes share {len(windows)} windows of split {split} in batches of {batch_size}; "
                "allowed are at least as many of both as processes"
            )
        sampler = ResumableBatchSampler(len(windows), batch_size, shuffle, self.seed, rank, processes)
        if self.trainer is not None:  # on resuming, Lightning draws the first batch before it sets the epoch
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)
        generator = torch.Generator().manual_seed(self.seed)  # else each loader draws a number from the model's noise
        return DataLoader(windows, batch_size=None, sampler=sampler, generator=generator)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Batch:
        """Gather and unpack a batch on its device, given the (B,) first rows of its windows."""
        return Batch(batch, self.gather(batch))

    def gather(self, start: Tensor, window: int | None = None) -> Tensor:
        """Unpack the windows that start at these rows.

        Args:
            start: (B,) int64 first rows, on any device.
            window: rows in a window; None for the model's.

        Returns:
            (B, window, C, H, W) float32 on the same device, which holds all packed rows from then on.
        """
        rows = start[:, None] + torch.arange(window or self.window, device=start.device)
        if rows.device not in self._packed:
            self._packed[rows.device] = torch.from_numpy(self.cache.packed).to(rows.device)
        return self.settings.unpack(self._packed[rows.device][rows])

    def detection_rate(self, split: str) -> Tensor:
        """Share of the rows of a split in which each joint was detected, (V,) float32; of keypoints only."""
        assert isinstance(self.settings, KeypointSettings)
        rows = torch.from_numpy(self.splits.rows(split)).split(100_000)
        detected = [self.settings.detected(torch.from_numpy(self.cache.packed[part.numpy()])) for part in rows]
        return torch.cat(detected).float().mean(dim=0)

    def sizes(self, split: str) -> SizeRange | None:
        """Sizes of the people in the recordings of a split, px; None if unknown."""
        return size_range(self.cache.size[self.splits.rows(split)])


def _read(
    path: Path, examples: Path | None, fmt: PoseFormat, folds: int | None, fold: int, fold_by: str, fold_seed: int
) -> tuple[Manifest, Manifest | None]:
    """Read a manifest and append the labelled recordings; deal both if there are folds; return both."""
    manifest = read_manifest(path, fold_by, folds is not None, fmt)
    labelled = None if examples is None else read_manifest(examples, fold_by, is_dealt=True, pose_format=fmt)
    if folds is None:
        return (manifest if labelled is None else add_examples(manifest, labelled)), labelled
    others = () if labelled is None else labelled.recordings
    if labelled is not None:
        check_unique(f"{path} and {labelled.path}", (*manifest.recordings, *others))
    dealt = deal_fold(manifest.recordings, folds, fold, fold_seed, others)
    return replace(manifest, recordings=dealt), labelled

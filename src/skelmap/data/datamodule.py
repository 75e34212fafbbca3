"""The LightningDataModule: windows of skeleton maps, gathered and unpacked on the model's device."""

import logging
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from skelmap.data.cache import MapCache, content_digest, open_cache
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.data.windows import EvalIndex, ResumableBatchSampler, Segments, find_segments, span, window_starts
from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.skeletons.manifest import Manifest, check_spans, read_manifest
from skelmap.skeletons.readers import PoseFormat, read_header
from skelmap.utils.errors import UserError

log = logging.getLogger(__name__)
SCORED_AT_ONCE = 6_000_000
"""Pixels in a batch of windows to be scored: 255 windows of 30 maps of 28 px, 63 of 56 px; 256 windows at most, unless
`batch_size` is larger. Half as many take 200 MB less and up to a tenth longer."""
MOST_OUTSIDE = 0.2
"""Share of the seen joints that maps may leave out unsaid: of real people at 640x480, 6 to 8 % lie outside the cut."""


class Batch(NamedTuple):
    """A batch of windows.

    Attributes:
        start: (B,) int64 first row of each window.
        windows: (B, window, C, H, W) float32: maps, 0..1, or keypoints, (B, window, 1, V, 2).
    """

    start: Tensor
    windows: Tensor


class WindowDataset(Dataset[Tensor]):
    """Windows as the loader sees them: indexing with a batch of indices gives the batch's first rows."""

    def __init__(self, starts: NDArray[np.int64]) -> None:
        self.starts = torch.from_numpy(starts)

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.starts)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Look up (B,) first rows."""
        return self.starts[index]


class SkeletonDataModule(pl.LightningDataModule):
    """Serve windows of the recordings that a manifest names.

    Windows are never materialised: the loaders hand out row numbers, and `on_after_batch_transfer` gathers the packed
    maps and unpacks them on the model's device.

    Args:
        manifest: the CSV of the data set.
        cache_dir: where map caches lie.
        seq_len: T: runs of fewer than T * frame_step frames are left out of every split, and scores may be averaged
            over T frames.
        window: frames that the model sees at once: T, or 1.
        representation: "maps", or "keypoints": neck-centred joints in place of maps.
        img_size: side of the maps, px.
        maps: further map settings (`MapSettings`): crop_size, resample, line_width, line_unit, threshold, channels.
        json: what JSON sources do not say (`PoseFormat`): layout by name, size, fps.
        batch_size: windows in a batch, shared by all processes; more of them are scored at once.
        stride: frames from one training or validation window to the next; test windows have stride 1.
        frame_step: frames from one frame of a window to the next: 3 of recordings of 30 fps make windows of 10 fps.
        seed: of the training order.

    Raises:
        UserError: the manifest or a source is at fault.
    """

    def __init__(
        self,
        manifest: str | Path,
        cache_dir: str | Path,
        seq_len: int,
        window: int,
        representation: str,
        img_size: int,
        maps: dict[str, Any],
        json: dict[str, Any],
        batch_size: int,
        stride: int = 1,
        frame_step: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        manifest, cache_dir = str(manifest), str(cache_dir)  # checkpoints hold plain values only
        self.save_hyperparameters(logger=False)
        self.manifest: Manifest = read_manifest(Path(manifest))
        self.cache_dir = Path(cache_dir)
        self.seq_len, self.window, self.batch_size, self.stride, self.seed = seq_len, window, batch_size, stride, seed
        self.frame_step = frame_step
        self.format = PoseFormat(LAYOUTS[json["layout"]], (json["size"][0], json["size"][1]), json["fps"])
        self.settings: MapSettings | KeypointSettings = MapSettings(img_size=img_size, **maps)
        if representation == "keypoints":
            self.settings = KeypointSettings(self.layout, maps["crop_size"])
            self.hparams["layout"] = self.layout.name  # by which a checkpoint of other joints is told
        self._packed: dict[torch.device, Tensor] = {}

    @cached_property
    def layout(self) -> Layout:
        """Which joint is which: the layout of all clips. Skeleton maps allow any; of theirs it is the first clip's.

        Raises:
            UserError: keypoints, and two clips differ.
        """
        first, *others = self.manifest.recordings
        layout = read_header(first.path, self.format).layout
        for other in others if self.hparams["representation"] == "keypoints" else ():
            if (found := read_header(other.path, self.format).layout) != layout:
                raise UserError(
                    f"{self.manifest.path}: clip {first.clip} has layout {layout.name}, clip {other.clip} "
                    f"{found.name}; keypoints of one data set share one (of JSON files it is data.pose_format.layout)"
                )
        return layout

    @cached_property
    def cache(self) -> MapCache:
        """The maps of all recordings, built when first needed.

        Raises:
            UserError: a source is at fault, or the manifest names spans outside its clips.
        """
        cache = open_cache(self.manifest.recordings, self.settings, self.cache_dir, self.format, self.frame_step)
        check_spans(self.manifest.path, self.manifest.recordings, cache.spans)
        return cache

    @property
    def name(self) -> str:
        """The manifest's file and folder, for readers."""
        return self.manifest.name

    @property
    def simulated(self) -> bool:
        """Whether the simulation wrote this data set (`data=simulated`)."""
        return self.manifest.simulated

    def digests(self) -> dict[str, str]:
        """Digest the manifest and the recordings that it names, 32 hexadecimal digits each.

        Raises:
            UserError: a file cannot be read.
        """
        recordings = content_digest(self.manifest.recordings, self.cache_dir / "sources")
        return {"manifest": self.manifest.digest, "recordings": recordings}

    def prepare_data(self) -> None:
        """Build the cache, in one process."""
        _ = self.cache

    def setup(self, stage: str | None = None) -> None:
        """Check that there is something to train on and to judge before any work is done.

        Raises:
            UserError: a split has no recording, or none with T * frame_step successive frames of a person.
        """
        for split in ("train",) if stage == "fit" else ("test",) if stage == "predict" else ("train", "test"):
            if not self.manifest.split(split):
                raise UserError(f"{self.manifest.path}: no recording of split {split}")
            if not len(self.starts(split)):
                longest = self._runs(split).length.max(initial=0)
                apart, both = (f", data.frame_step={self.frame_step} apart,", " for the product of both")
                if self.frame_step == 1:
                    apart = both = ""
                raise UserError(
                    f"{self.manifest.path}: no window of data.seq_len={self.seq_len} frames{apart} in split {split}: "
                    f"its longest run of frames with a person has {longest}; allowed are 1 to {longest}{both}"
                    if longest
                    else f"{self.manifest.path}: nobody is in any frame of split {split}"
                )

    def _runs(self, split: str) -> Segments:
        """Stretches of successive frames of one person in a split."""
        rows = self._split_rows(split)
        cache = self.cache
        runs = find_segments(cache.clip[rows], cache.track[rows], cache.frame[rows])
        return Segments(rows[runs.first] if len(rows) else runs.first, runs.length)

    def _split_rows(self, split: str) -> NDArray[np.int64]:
        """(n,) rows of a split; a recording's rows stand together, so runs found among them are runs of the cache."""
        in_split = np.array([r.split == split for r in self.manifest.recordings])
        return np.flatnonzero(in_split[self.cache.clip])

    def starts(self, split: str) -> NDArray[np.int64]:
        """First row of each window of a split, (W,) int64; all within runs of at least T * frame_step frames."""
        return self._starts(split, self.window, 1 if split == "test" else self.stride)

    def _starts(self, split: str, window: int, stride: int) -> NDArray[np.int64]:
        """First row of each window of so many rows; in runs that are long enough for T-windows to cover every row."""
        runs = self._runs(split).at_least(self.seq_len * self.frame_step)
        return window_starts(runs, span(window, self.frame_step), stride)

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Serve training windows, shuffled."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Tensor] | list[Any]:
        """Serve validation windows, in order; nothing where the manifest has no val split."""
        return self._loader("val") if len(self.starts("val")) else []

    def predict_dataloader(self) -> DataLoader[Tensor]:
        """Serve test windows, in order, in larger batches: scoring keeps no gradients."""
        fitting = SCORED_AT_ONCE // (self.window * prod(self.settings.shape))
        processes = self.trainer.world_size if self.trainer else 1
        at_once = processes * max(self.batch_size, min(fitting, 256))
        return self._loader("test", batch_size=at_once)

    def _loader(self, split: str, shuffle: bool = False, batch_size: int | None = None) -> DataLoader[Tensor]:
        windows = WindowDataset(self.starts(split))
        rank, processes = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        batch_size = batch_size or self.batch_size
        if min(batch_size, len(windows)) < processes:
            raise UserError(
                f"{processes} processes share {len(windows)} windows of split {split} in batches of {batch_size}; "
                "allowed are as many of both as processes, or more"
            )
        order = ResumableBatchSampler(len(windows), batch_size, shuffle, self.seed, rank, processes)
        if self.trainer is not None:  # when a run goes on, Lightning draws its first batch before it sets the epoch
            order.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)
        own = torch.Generator().manual_seed(self.seed)  # or each loader would take a number from the models' noise
        return DataLoader(windows, batch_size=None, sampler=order, generator=own)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Batch:
        """Gather and unpack the windows of a batch on its device, given their (B,) first rows."""
        return Batch(batch, self.gather(batch))

    def gather(self, start: Tensor, window: int | None = None) -> Tensor:
        """Unpack the windows that begin at these rows.

        Args:
            start: (B,) int64 first rows, on any device.
            window: rows in a window; the model's window unless said otherwise.

        Returns:
            (B, window, C, H, W) float32 on the same device.
        """
        return self._unpack(self._rows(start, window or self.window))

    def _rows(self, start: Tensor, window: int) -> Tensor:
        """(B, window) rows of the windows that begin at (B,) rows."""
        return start[:, None] + self.frame_step * torch.arange(window, device=start.device)

    def _unpack(self, rows: Tensor) -> Tensor:
        """(...,) rows -> (..., C, H, W) float32 on the same device, which holds all packed rows from then on."""
        if rows.device not in self._packed:
            self._packed[rows.device] = torch.from_numpy(self.cache.packed).to(rows.device)
        return self.settings.unpack(self._packed[rows.device][rows])

    def seen_share(self, split: str) -> Tensor:
        """Share of a split's rows in which each joint was seen, (V,) float32; of keypoints only."""
        assert isinstance(self.settings, KeypointSettings)
        rows = torch.from_numpy(self._split_rows(split))
        seen = [self.settings.seen(torch.from_numpy(self.cache.packed[part.numpy()])) for part in rows.split(100_000)]
        return torch.cat(seen).float().mean(dim=0)

    @property
    def fps(self) -> float:
        """Frames a second of the training recordings; the most common where they differ."""
        train = [fps for r, fps in zip(self.manifest.recordings, self.cache.fps, strict=True) if r.split == "train"]
        return max(dict.fromkeys(train), key=train.count)

    @property
    def mixed_rates(self) -> str:
        """What is amiss where recordings have different frame rates; empty where they have one."""
        clips = zip(self.cache.fps, self.manifest.recordings, strict=True)
        example = {fps: recording.clip for fps, recording in reversed(list(clips))}
        if len(example) < 2:
            return ""
        rates = ", ".join(f"{fps:g} (clip {example[fps]})" for fps in sorted(example))
        return (
            f"recordings of different frame rates, {rates} a second: a window is {self.seq_len} frames of each, so the "
            "same movement looks faster at a lower rate; the monitor watches at the training recordings' commonest"
        )

    @property
    def cut_off(self) -> str:
        """What is amiss where the maps' cut leaves out much of the people; empty where it does not."""
        if self.cache.outside <= MOST_OUTSIDE:
            return ""
        return (
            f"{self.cache.outside:.0%} of the seen joints lie outside the maps, a square of "
            f"data.maps.crop_size={self.settings.crop_size} px around the neck; where people are larger than in "
            "pictures of 640x480, enlarge it, and data.maps.line_width as much"
        )

    def clips_of(self, row: Tensor) -> list[str]:
        """Name the clips of (B,) rows, in the order of the manifest."""
        return [self.manifest.recordings[index].clip for index in np.unique(self.cache.clip[row.cpu().numpy()])]

    def groups_of(self, row: Tensor) -> Tensor:
        """Number the groups of (B,) rows, (B,) int64."""
        groups = [r.group for r in self.manifest.recordings]
        number = np.unique(groups, return_inverse=True)[1]
        return torch.from_numpy(number[self.cache.clip[row.cpu().numpy()]])

    def test_row(self, row: Tensor) -> Tensor:
        """Number rows of the cache as `test_rows` does, (B,) int64."""
        rows = torch.from_numpy(self._split_rows("test")).to(row.device)
        return torch.searchsorted(rows, row)

    def cache_row(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number rows of `test_rows` as the cache does, (B,) int64."""
        return self._split_rows("test")[row]

    def test_rows(self) -> EvalIndex:
        """Describe the test split to the judgement."""
        index = [i for i, r in enumerate(self.manifest.recordings) if r.split == "test"]
        rows = self._split_rows("test")
        number = np.full(len(self.manifest.recordings), -1)
        number[index] = np.arange(len(index))
        starts = self._starts("test", self.seq_len, stride=1)
        return EvalIndex(
            recordings=tuple(self.manifest.recordings[i] for i in index),
            spans=tuple(self.cache.spans[i] for i in index),
            fps=tuple(self.cache.fps[i] for i in index),
            clip=number[self.cache.clip[rows]],
            frame=self.cache.frame[rows].astype(np.int64),
            starts=np.searchsorted(rows, starts),
            seq_len=self.seq_len,
            frame_step=self.frame_step,
        )

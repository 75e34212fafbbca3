"""What the recordings of a manifest state: layout, image size, frame rate, step of the frame numbers."""

from functools import cached_property
from pathlib import Path

from skelmap.data.digests import recording_step
from skelmap.skeletons.clip import report_steps
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.manifest import Manifest
from skelmap.skeletons.readers import PoseFormat, read_header
from skelmap.utils.errors import UserError

SAME_RATE = 0.02
"""Difference of frame rates, as a share, up to which they count as one: 29.97 and 30, or what phones state."""


class RecordingFormats:
    """Formats of all recordings of a manifest, read when first needed.

    Args:
        manifest: the data set.
        declared: what JSON recordings do not state.
        store: folder of what was read of recordings before (`recording_step`).
    """

    def __init__(self, manifest: Manifest, declared: PoseFormat, store: Path) -> None:
        self._manifest, self._declared, self._store = manifest, declared, store

    @cached_property
    def headers(self) -> list[PoseFormat]:
        """Layout, image size and frame rate of each recording.

        Raises:
            UserError: a recording cannot be read.
        """
        return [read_header(recording.path, self._declared) for recording in self._manifest.recordings]

    @cached_property
    def steps(self) -> list[int]:
        """Step of the frame numbers of each recording."""
        return [recording_step(recording.path, self._store) for recording in self._manifest.recordings]

    @property
    def most_common_fps(self) -> float:
        """Most common frame rate of the training recordings, frames a second; rates within 2 % are one."""
        rates = [self.headers[i].fps / self.steps[i] for i in self._training]

        def frequency(rate: float) -> tuple[int, int]:
            return sum(abs(other - rate) <= SAME_RATE * rate for other in rates), rates.count(rate)

        return max(dict.fromkeys(rates), key=frequency)

    @property
    def most_common(self) -> PoseFormat:
        """Layout, image size and rate: those declared for JSON; of archives the most common ones."""
        if any(recording.path.suffix != ".npz" for recording in self._manifest.recordings):
            return self._declared
        headers = [self.headers[i] for i in self._training]
        return max(dict.fromkeys(headers), key=headers.count)

    @property
    def common_layout(self) -> Layout:
        """Joint layout of all recordings.

        Raises:
            UserError: they have different ones.
        """
        first = self.headers[0].layout
        for recording, header in zip(self._manifest.recordings, self.headers, strict=True):
            if header.layout != first:
                raise UserError(
                    f"{self._manifest.path}: clip {self._manifest.recordings[0].clip} has layout {first.name}, clip "
                    f"{recording.clip} {header.layout.name}; keypoints of one data set share one (that of JSON files "
                    "is data.pose_format.layout)"
                )
        return first

    def report_steps(self) -> None:
        """Log the recordings whose frame numbers have steps."""
        formats = zip(self._manifest.recordings, self.headers, self.steps, strict=True)
        report_steps([(recording.clip, header.fps, step) for recording, header, step in formats])

    @property
    def _training(self) -> list[int]:
        """Indices of the training recordings; of all recordings without any."""
        recordings = self._manifest.recordings
        return [i for i, r in enumerate(recordings) if r.split == "train"] or list(range(len(recordings)))

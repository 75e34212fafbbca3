"""Windows of skeleton maps, served to the models."""

from skelmap.data.datamodule import Batch, SkeletonMaps
from skelmap.data.rows import TestRows
from skelmap.data.windows import Runs, find_runs, window_starts

__all__ = ["Batch", "Runs", "SkeletonMaps", "TestRows", "find_runs", "window_starts"]

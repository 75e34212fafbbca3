"""Windows of skeleton maps, served to the models."""

from skelmap.data.datamodule import Batch, SkeletonMaps
from skelmap.data.rows import JudgedRows
from skelmap.data.windows import Runs, find_runs, window_starts

__all__ = ["Batch", "JudgedRows", "Runs", "SkeletonMaps", "find_runs", "window_starts"]

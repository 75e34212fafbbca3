"""Keypoints rendered, cached and served as windows.

Importing this package needs no torch: the monitor renders frames without it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skelmap.data.datamodule import Batch, SkeletonDataModule

__all__ = ["Batch", "SkeletonDataModule"]


def __getattr__(name: str) -> Any:
    """Import the data module, and with it torch, when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from skelmap.data import datamodule

    return getattr(datamodule, name)

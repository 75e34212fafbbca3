"""Sweeps: where their cells lie, how far they are, which of them failed."""

from skelmap.sweeps.folders import cell_folders, folder_name
from skelmap.sweeps.watch import SweepWatch

__all__ = ["SweepWatch", "cell_folders", "folder_name"]

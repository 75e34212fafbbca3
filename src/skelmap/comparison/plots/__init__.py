"""The figures of a comparison; each function returns a matplotlib Figure."""

from skelmap.comparison.plots.actions import works
from skelmap.comparison.plots.heat_map import heat_map
from skelmap.comparison.plots.response import categorical, numeric
from skelmap.comparison.plots.roc import roc_overlay

__all__ = ["categorical", "heat_map", "numeric", "roc_overlay", "works"]

"""The study's figures; each function returns a matplotlib Figure and draws no window."""

from skelmap.study.figures.heat import heat_map
from skelmap.study.figures.response import categorical, numeric
from skelmap.study.figures.roc import roc_overlay
from skelmap.study.figures.works import works

__all__ = ["categorical", "heat_map", "numeric", "roc_overlay", "works"]

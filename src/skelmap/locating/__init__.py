"""What a map keeps: how well joints can be located from single maps."""

from skelmap.locating.figure import error_figure
from skelmap.locating.locate import locate, map_styles
from skelmap.locating.tables import markdown, write_csv

__all__ = ["error_figure", "locate", "map_styles", "markdown", "write_csv"]

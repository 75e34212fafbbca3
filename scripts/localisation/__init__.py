"""What a map keeps: how well joints can be located from single maps."""

from localisation.figure import error_figure
from localisation.locate import locate, map_styles
from localisation.tables import markdown, write_csv

__all__ = ["error_figure", "locate", "map_styles", "markdown", "write_csv"]

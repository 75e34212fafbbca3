"""Style of all figures: colours that colour-blind readers can distinguish, fonts, PNG output."""

import io
import warnings
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

NORMAL, ABNORMAL = "#0072B2", "#D55E00"
INK, GREY, FAINT = "#1f2328", "#6e7781", "#d0d7de"
CYCLE = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#0072B2", "#D55E00", "#999933", "#6E7781")
"""Okabe and Ito's colours for all kinds of colour vision, with olive and grey for yellow, which is faint on white."""
DPI = 200

# names of clips and actions may be Japanese, Chinese or Korean, for which matplotlib's own font has no glyphs
_WIDE = ("Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "TakaoGothic", "Hiragino Sans", "Yu Gothic", "MS Gothic")
_FONTS = ["DejaVu Sans", *(name for name in _WIDE if name in font_manager.get_font_names())]

STYLE: Any = {
    "font.family": _FONTS,
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # no TeX: names may contain $
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": f"cycler('color', {list(CYCLE)})",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of this size in inches, without a window system."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """Render a figure as PNG at 200 dpi."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # drawn as a box
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def short(name: str, length: int) -> str:
    """Shorten a name to at most `length` characters, ending in an ellipsis."""
    return name if len(name) <= length else name[: max(length - 1, 1)] + "…"


def unit_axes(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Set up axes for two rates in [0, 1]."""
    axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=xlabel, ylabel=ylabel, aspect="equal")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)

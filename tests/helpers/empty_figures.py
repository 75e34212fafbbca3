"""Empty figures in place of those of runs: drawing them takes nine tenths of a small run."""

import pytest

from skelmap.evaluation.plots import latents, style

LATENT_MAP, PNG = latents.latent_map, style.png


def empty_figures(patch: pytest.MonkeyPatch) -> None:
    """Leave the figures of runs in this process empty."""
    patch.setattr(style, "DPI", 50)
    empty = style.png(style.new_figure(0.1, 0.1))
    patch.setattr(style, "png", lambda figure: empty)
    patch.setattr(latents, "latent_map", lambda found: style.new_figure(0.1, 0.1))


def draw_figures(patch: pytest.MonkeyPatch) -> None:
    """Draw them again, at a quarter of their resolution."""
    patch.setattr(style, "png", PNG)
    patch.setattr(latents, "latent_map", LATENT_MAP)

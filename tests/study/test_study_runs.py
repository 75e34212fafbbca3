"""The study shows one run of each model, in pictures that the runs themselves drew."""

import base64
from pathlib import Path

from study_cases import write_cell

from skelmap.comparison.comparison import build_comparison
from skelmap.comparison.page import one_run_of_each_model
from skelmap.comparison.write import write_comparison
from skelmap.evaluation.plots.style import png


def test_the_first_run_of_each_model_is_shown(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    pictures = {}
    for model, seed in (("ae", 0), ("ae", 1), ("lstm_vae", 0), ("lstm_vae", 1)):
        figures = write_cell(tmp_path / f"{model}{seed}", model, seed) / "figures"
        figures.mkdir()
        for name in ("scores", "latents") if model == "ae" else ("scores",):
            pictures[model, seed, name] = png(Figure(figsize=(1 + seed, 1)))
            (figures / f"{name}.png").write_bytes(pictures[model, seed, name])
    shown = {picture.name: picture for picture in one_run_of_each_model(build_comparison(tmp_path))}
    assert shown.keys() == {"ae_scores", "ae_latents", "lstm_vae_scores"}
    assert shown["ae_scores"].png == pictures["ae", 0, "scores"]
    assert "ae0" in shown["ae_scores"].caption
    page = write_comparison(tmp_path).read_text()
    assert base64.b64encode(pictures["lstm_vae", 0, "scores"]).decode() in page


def test_runs_without_figures_are_left_out(tmp_path: Path) -> None:
    write_cell(tmp_path / "one", "ae", 0)
    assert one_run_of_each_model(build_comparison(tmp_path)) == []

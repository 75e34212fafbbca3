"""Figures of the lab notes are drawn from the tables in docs/lab/results."""

import runpy
import sys
from pathlib import Path

import pytest

from draw_lab_figures import draw_methods, draw_resolution, read_rows
from hydra_config import ROOT

RESULTS = ROOT / "docs" / "lab" / "results"


def test_the_figures_in_the_notes_are_those_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_lab_figures.py", str(RESULTS), "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "scripts" / "draw_lab_figures.py"), run_name="__main__")
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {"paper_methods.png", *(f"resolution_{name}.png" for name in ("simulated", "guitar", "drums"))}
    assert all((ROOT / "docs" / "img" / name).is_file() for name in drawn)


def test_each_row_is_a_dot_and_each_method_has_a_look() -> None:
    rows = read_rows(RESULTS / "paper_table.csv")
    (axes,) = draw_methods(rows).axes
    dots = [container.lines[0] for container in axes.containers]
    assert [dot.get_xdata()[0] for dot in dots] == [float(row["auroc"]) for row in rows]
    assert len({(dot.get_color(), dot.get_markerfacecolor()) for dot in dots}) == len(rows) == 14


def test_no_panel_is_half_empty() -> None:
    bilinear, area = draw_resolution(read_rows(RESULTS / "resolution_factory_table.csv")).axes
    for axes, methods in ((bilinear, 9), (area, 4)):
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) >= 5]
        assert len(lines) == methods and {len(line.get_xdata()) for line in lines} <= {5, 7}

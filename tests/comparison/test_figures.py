"""Figures of a comparison: methods can be told apart, panels are not empty."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from skelmap.comparison.comparison import Comparison, compare_runs
from skelmap.comparison.plots.auroc_by_key import plot_categorical_key, plot_numeric_key
from skelmap.comparison.plots.roc import plot_roc
from synthetic_sweeps import TITLES, write_run


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """More models than colours."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        for i in range(12):
            patch.setitem(TITLES, f"model_{i}", f"Model {i}")
            write_run(folder / f"run{i}", f"model_{i}", effect=0.2 * i)
        return compare_runs(folder)


def looks(figure: Figure) -> list[tuple[str, str, str, str]]:
    lines = [line for axes in figure.axes for line in axes.get_lines() if len(line.get_label()) > 1]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    return [(str(x.get_color()), str(x.get_marker()), str(x.get_linestyle()), str(x.get_mfc())) for x in named]


def test_every_method_looks_different(many: Comparison) -> None:
    groups = [group for group in many.groups if group.compared]
    roc = looks(plot_roc(groups, many.keys))
    assert len(set(roc)) == len(roc) == 24
    dots = plot_categorical_key(groups, "model", many.keys)
    (axes,) = dots.axes
    drawn = [container.lines[0] for container in axes.containers]
    styles = {(str(line.get_color()), str(line.get_marker()), str(line.get_mfc())) for line in drawn}
    assert len(styles) == len(drawn) == 24


def test_a_setting_with_one_value_of_the_key_has_no_panel(tmp_path: Path) -> None:
    for size in (14, 28, 56):
        for resample in ("area", "bilinear"):
            write_run(tmp_path / f"{size}{resample}", overrides={"data.img_size": size, "data.maps.resample": resample})
    write_run(tmp_path / "keypoints", overrides={"data.img_size": 28, "data.representation": "keypoints"})
    comparison = compare_runs(tmp_path)
    assert comparison.keys.swept == ("data.img_size", "data.maps.resample", "data.representation")
    figure = plot_numeric_key(comparison.groups, "data.img_size", comparison.keys)
    titles = sorted(axes.get_title(loc="left").replace("\n", " ") for axes in figure.axes)
    assert titles == [f"simulated-paper-0 (simulated), resample {name}" for name in ("area", "bilinear")]

"""examples/quickstart.ipynb runs from its first cell to its last, and draws what it shows."""

from pathlib import Path

import pytest

from hydra_config import ROOT


@pytest.mark.slow
def test_the_notebook_runs_and_draws(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient", reason="the notebook needs the extra dev")
    pytest.importorskip("ipykernel", reason="the notebook needs the extra dev")
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    drawn = [_pictures(cell) for cell in notebook.cells]
    for cell in notebook.cells:  # so that it takes half as long
        cell.source = cell.source.replace("window_stride=8", "window_stride=80")
    client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [_pictures(cell) for cell in notebook.cells] == drawn and sum(drawn) == 4


def _pictures(cell: dict) -> int:  # type: ignore[type-arg]
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))

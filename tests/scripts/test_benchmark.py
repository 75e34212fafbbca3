"""scripts/benchmark.py runs and prints a number for each part; how large they are is not tested."""

import runpy
import sys

import pytest

from composing import ROOT


@pytest.mark.slow
def test_every_part_gets_a_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--img-size", "14", "--seconds", "0.01", "--device", "cpu"])
    runpy.run_path(str(ROOT / "scripts" / "benchmark.py"), run_name="__main__")
    printed = capsys.readouterr().out
    for part in ("drawing", "opening a finished cache", "gathering", "LSTM-VAE: training", "AE: scoring"):
        assert part in printed


def test_a_size_that_maps_do_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--img-size", "13"])
    with pytest.raises(SystemExit, match="from 14 to 256"):
        runpy.run_path(str(ROOT / "scripts" / "benchmark.py"), run_name="__main__")

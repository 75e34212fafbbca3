"""The same seed on the same machine gives the same numbers, bit for bit, also in processes that run side by side."""

from pathlib import Path

import pytest

from training_process import SMALL, TRIALS, read_results, start, wait

MODELS = ("lstm_vae",) if TRIALS < 2 else ("lstm_vae", "vae", "ae")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_two_processes_side_by_side_give_the_same_bits(model: str, task: Path, tmp_path: Path) -> None:
    arguments = [argument for argument in SMALL if not argument.startswith("model")]
    arguments += [f"model={model}", "model.latent_dim=4", "model.channels=[2,4]", f"data.manifest={task}"]
    both = [start(tmp_path / name, *arguments) for name in ("one", "two")]
    for process in both:
        output = wait(process)
        assert process.returncode == 0, output
    assert read_results(tmp_path / "one" / "run") == read_results(tmp_path / "two" / "run")

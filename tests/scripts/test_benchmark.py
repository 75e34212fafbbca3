"""scripts/benchmark.py: all implementations compute the same, and every part yields its measurements."""

import json
import runpy
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from hydra_config import ROOT
from skelmap.data.datamodule import Batch
from skelmap.models.lstm_vae import LSTMVAE

SIZES = (6, 28, 5, 20, [4, 8])
"""T, map side, J, LSTM size, channels."""


@pytest.fixture(autouse=True)
def scripts_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


def both_implementations() -> tuple[LSTMVAE, torch.nn.Module]:
    """Both implementations with the same weights, which are in the same order."""
    from benchmarks.plain_pytorch import PlainLSTMVAE

    ours, plain = LSTMVAE(*SIZES, learning_rate=1e-3), PlainLSTMVAE(*SIZES)
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert a.shape == b.shape
        b.data.copy_(a.data)
    return ours, plain


def windows(count: int) -> torch.Tensor:
    return (torch.rand(count, 6, 1, 28, 28) < 0.2).float()


def test_ten_training_steps_equal_the_plain_loop() -> None:
    from benchmarks.plain_pytorch import negative_elbo

    ours, plain = both_implementations()
    by_ours, by_plain = ours.configure_optimizers(), torch.optim.Adam(plain.parameters(), 1e-3)
    for step in range(10):
        maps = windows(16)
        torch.manual_seed(step)  # the latents' noise
        recon, kl, _ = ours.train().losses(maps)
        torch.manual_seed(step)
        logits, mu, logvar = plain.train()(maps)
        losses = recon + kl.sum(), negative_elbo(logits, maps, mu, logvar)
        assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-4)
        for loss, optimiser in zip(losses, (by_ours, by_plain), strict=True):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def test_scores_equal_the_plain_loop() -> None:
    from benchmarks.plain_pytorch import score

    ours, plain = both_implementations()
    maps = windows(25)
    with torch.inference_mode():
        scored = ours.eval().predict_step(Batch(torch.arange(25), maps)).score
    torch.testing.assert_close(scored, score(plain.eval(), TensorDataset(maps), 7), rtol=0, atol=1e-5)


@pytest.mark.parametrize("map_channels", [1, 4])
def test_training_flops_are_those_that_torch_counts(map_channels: int) -> None:
    """All but the LSTMs', which torch does not count."""
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.hardware import training_flops

    network = LSTMVAE(*SIZES, learning_rate=1e-3, map_channels=map_channels).network
    with FlopCounterMode(display=False) as counted:
        network(windows(1).expand(-1, -1, map_channels, -1, -1))[0].sum().backward()
    lstms = 6 * 4 * 20 * (network.encoder_lstm.input_size + 20 + 5 + 20) * 2 * 3
    assert training_flops(*SIZES, map_channels) - lstms == pytest.approx(counted.get_total_flops(), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("skelmap_lightning", "train"),
        ("plain_pytorch", "train"),
        ("paper_keras",),
    ],
    ids=" ".join,
)
def test_every_implementation_runs_its_repetitions(command: tuple[str, ...], tmp_path: Path) -> None:
    if command == ("paper_keras",) and find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed: it comes with the extra bench")
    from benchmarks.interleaved import run_interleaved

    module, *task = command
    small = ("data.window_stride=100", "data.img_size=14", "model.hidden_size=8", "data.batch_size=4")
    seconds, failed = run_interleaved({"it": (module, (*task, str(tmp_path), "1", *small))}, 2)
    assert not failed and seconds["it"] > 0


def test_an_implementation_that_cannot_run_is_left_out_with_its_error() -> None:
    from benchmarks.interleaved import run_interleaved

    seconds, failed = run_interleaved({"it": ("no_such_module", ())}, 1)
    assert not seconds and "no_such_module" in failed["it"]


def test_step_costs_are_measured_for_every_size() -> None:
    from benchmarks.model_cost import step_costs

    paper = {"seq_len": 4, "img_size": 14, "hidden_size": 8}
    costs = list(step_costs(paper, {"seq_len": (2, 6), "img_size": (28,), "hidden_size": (4,)}, least=0))
    assert [cost[:2] for cost in costs] == [("seq_len", 2), ("seq_len", 6), ("img_size", 28), ("hidden_size", 4)]
    assert all(train > 0 and score > 0 for _, _, train, score in costs)


@pytest.mark.slow
def test_every_other_part_yields_its_measurements(tmp_path: Path) -> None:
    measurements = tmp_path / "figures.json"
    run("--quick", "--only", "limits", "live", "cache", "evaluation", "--json", str(measurements))
    written = json.loads(measurements.read_text())
    assert {"machine", "peak_float32", "bandwidth", "live_28", "live_28_p99"} <= written.keys()
    assert {"maps_per_second", "auroc_1000000", "report"} <= written.keys()
    assert all(value >= 0 for key, value in written.items() if key != "machine")


def test_a_missing_output_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no folder"):
        run("--json", str(tmp_path / "nowhere" / "figures.json"))


def run(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["benchmark.py", *arguments])
        runpy.run_path(str(ROOT / "scripts" / "benchmark.py"), run_name="__main__")

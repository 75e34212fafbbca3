"""Two processes that train one model: each window is scored once, one process writes, results equal those of one."""

import json
import math
from pathlib import Path

import pytest
import torch

from hydra_config import Compose
from skelmap.training.config_check import resolve
from skelmap.training.prepare import prepare
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from training_process import SMALL, run_to_end

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
SMALL_MODEL = tuple(argument for argument in SMALL if argument not in ("trainer=cpu", "hydra.run.dir=run"))


@pytest.mark.slow
def test_two_processes_train_validate_and_evaluate_as_one(task: Path, tmp_path: Path, compose: Compose) -> None:
    output = run_to_end(
        tmp_path, *SMALL_MODEL, *TWO, f"data.manifest={task}", "trainer.max_epochs=2", "hydra.run.dir=run"
    )
    two, last = tmp_path / "run", tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert output.count("cached 360 rows") == 1, "one process renders the maps"
    assert output.count("report: ") == 1 and len(list(two.glob("log/*"))) == 1, "one process writes"

    alone = (*SMALL_MODEL, "trainer=cpu", f"data.manifest={task}", "train=false")
    parts = prepare(resolve(compose(*alone, f"ckpt_path={last}", run=tmp_path / "validated")))
    (losses,) = parts.trainer.validate(parts.model, parts.data, ckpt_path=str(last), weights_only=True, verbose=False)
    saved = torch.load(last, weights_only=True)
    epochs = next(state["epochs"] for name, state in saved["callbacks"].items() if "History" in name)
    for key in ("val/loss", "val/recon", "val/kl", "val/kl_00", "val/active_units"):
        assert math.isclose(epochs[key][-1], losses[key], rel_tol=1e-6), key

    run(compose(*alone, f"ckpt_path={two / 'checkpoints' / 'best.ckpt'}", run=tmp_path / "one"))
    assert (tmp_path / "one" / "scores.csv").read_text() == (two / "scores.csv").read_text(), "each window once"
    one, both = (json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "one", two))
    assert one["auroc"] == pytest.approx(both["auroc"], abs=1e-6) and one["counts"] == both["counts"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model=pca",), r"trainer\.devices=2: PCA is fitted in one step; allowed is trainer\.devices=1"),
        (("model=ae", "trainer.strategy=ddp_spawn"), r"trainer\.strategy=ddp_spawn; allowed: auto, ddp"),
    ],
)
def test_unsupported_distribution_is_refused(
    overrides: tuple[str, ...], message: str, task: Path, compose: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        run(compose("data=manifest", f"data.manifest={task}", *TWO, *overrides))

"""Two processes that train one model: every window is judged once, one process writes, the numbers are those of one."""

import json
import math
from pathlib import Path

import pytest
import torch

from hydra_config import Compose
from skelmap.training.prepare import prepare
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from training_process import SMALL, run_whole

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
ALONE = tuple(argument for argument in SMALL if argument != "trainer=cpu")


@pytest.mark.slow
def test_two_processes_train_validate_and_judge_as_one(task: Path, tmp_path: Path, compose: Compose) -> None:
    said = run_whole(tmp_path, *ALONE, *TWO, f"data.manifest={task}", "trainer.max_epochs=2")
    two, last = tmp_path / "run", tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert said.count("cached 360 rows") == 1, "one process draws the maps"
    assert said.count("report: ") == 1 and len(list(two.glob("log/*"))) == 1, "one process writes"

    trainer, model, data = prepare(compose(*SMALL[:-1], f"data.manifest={task}", f"ckpt_path={last}", "train=false"))
    (alone,) = trainer.validate(model, data, ckpt_path=str(last), weights_only=True, verbose=False)
    saved = torch.load(last, weights_only=True)
    epochs = next(state["epochs"] for name, state in saved["callbacks"].items() if "History" in name)
    for key in ("val/loss", "val/recon", "val/kl", "val/kl_00", "val/active_units"):
        assert math.isclose(epochs[key][-1], alone[key], rel_tol=1e-6), key

    best = f"ckpt_path={two / 'checkpoints' / 'best.ckpt'}"
    judged = compose(*SMALL[:-1], f"data.manifest={task}", best, "train=false", run=tmp_path / "one")
    run(judged)
    assert (tmp_path / "one" / "scores.csv").read_text() == (two / "scores.csv").read_text(), "each window once"
    one, both = (json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "one", two))
    assert one["auroc"] == pytest.approx(both["auroc"], abs=1e-6) and one["counts"] == both["counts"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model=pca",), r"trainer\.devices=2: PCA is fitted at once; allowed is trainer\.devices=1"),
        (("model=ae", "trainer.strategy=ddp_spawn"), r"trainer\.strategy=ddp_spawn; allowed: auto, ddp"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(
    overrides: tuple[str, ...], message: str, task: Path, compose: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        run(compose("data=manifest", f"data.manifest={task}", *TWO, *overrides))

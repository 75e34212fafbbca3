"""conf/wandb: valid by W&B's schema, and what its agents call is a configuration of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose, check
from skelmap.training.loggers import FACTS

jsonschema = pytest.importorskip("jsonschema")
wandb_agent = pytest.importorskip("wandb.wandb_agent")
FILES = sorted((ROOT / "conf" / "wandb").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "tests" / "sweep_schema" / "schema.json").read_text())


def definition(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def violations(sweep: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(sweep)]


def extremes(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The first and the last value of every parameter."""
    first = {key: spec["values"][0] if "values" in spec else spec["min"] for key, spec in parameters.items()}
    last = {key: spec["values"][-1] if "values" in spec else spec["max"] for key, spec in parameters.items()}
    return [first, last]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give a definition and values to W&B's agent; get the command that it would start."""
    for key in ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(key, "x")  # so that monkeypatch takes back what the agent sets
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    started: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str], env: dict[str, str], forward_signals: bool) -> None:
            started.append(command)

    monkeypatch.setattr(wandb_agent, "AgentProcess", Process)

    def call(sweep: dict[str, Any], values: dict[str, Any]) -> list[str]:
        agent = wandb_agent.Agent(api=None, queue=None, sweep_id="a_sweep")
        agent._sweep_command = list(sweep["command"])
        args = {key: {"value": value} for key, value in values.items()}
        answer = agent._process_command({"type": "run", "run_id": "a_run", "program": sweep["program"], "args": args})
        assert "exception" not in answer, answer
        return started.pop()

    return call


def test_there_are_three() -> None:
    assert [path.stem for path in FILES] == ["grid", "resolution", "search"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_it_is_valid_by_the_published_schema(path: Path) -> None:
    assert violations(definition(path)) == []


def test_the_schema_finds_what_is_wrong() -> None:
    sweep = definition(ROOT / "conf" / "wandb" / "search.yaml")
    assert violations({**sweep, "methods": "grid"})
    text = {"distribution": "log_uniform_values", "min": yaml.safe_load("1e-4"), "max": 0.01}
    assert violations({**sweep, "parameters": {"model.learning_rate": text}})  # PyYAML reads 1e-4 as text


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_nothing_is_chosen_by_a_test_figure(path: Path) -> None:
    assert definition(path)["metric"] == {"name": FACTS["val_loss"], "goal": "minimize"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_agent_s_command_composes_to_the_values_that_it_was_given(
    path: Path, called: Any, compose: Compose
) -> None:
    sweep = definition(path)
    for values in extremes(sweep["parameters"]):
        env, interpreter, program, *overrides = called(sweep, values)
        assert (env, interpreter, program) == ("/usr/bin/env", "python", "train.py")
        assert (ROOT / program).is_file()
        cfg = compose(*overrides)
        check(cfg)
        assert cfg.logger._target_ == "skelmap.training.loggers.wandb_logger"
        found = {key: OmegaConf.select(cfg, key) for key in values if key != "model"}
        assert found == {key: value for key, value in values.items() if key != "model"}
        model = values.get("model", "lstm_vae")
        assert cfg.model._target_.split(".")[-1].lower() == model.replace("_", "")


def test_a_value_that_hydra_cannot_read_would_be_noticed(called: Any, compose: Compose) -> None:
    sweep = definition(ROOT / "conf" / "wandb" / "grid.yaml")
    sweep["command"][-1] = "${args}"  # W&B's default: --key=value
    overrides = called(sweep, {"data.seq_len": 15})[3:]
    with pytest.raises(Exception, match="--data"):
        compose(*overrides)

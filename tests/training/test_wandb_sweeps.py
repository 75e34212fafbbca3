"""The sweep definitions in conf/wandb: they match W&B's schema, and the command of W&B's agent composes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose, check
from skelmap.training.loggers import FACTS
from wandb_sweep_agent import agent_command

jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("wandb")
FILES = sorted((ROOT / "conf" / "wandb").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "tests" / "sweep_schema" / "schema.json").read_text())


def read_definition(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def schema_errors(sweep: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(sweep)]


def extreme_values(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the first value of every parameter, and the last."""
    first = {key: spec["values"][0] if "values" in spec else spec["min"] for key, spec in parameters.items()}
    last = {key: spec["values"][-1] if "values" in spec else spec["max"] for key, spec in parameters.items()}
    return [first, last]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_definition_matches_the_published_schema(path: Path) -> None:
    assert schema_errors(read_definition(path)) == []


def test_the_schema_finds_errors() -> None:
    sweep = read_definition(ROOT / "conf" / "wandb" / "search.yaml")
    assert schema_errors({**sweep, "methods": "grid"})
    text = {"distribution": "log_uniform_values", "min": yaml.safe_load("1e-4"), "max": 0.01}
    assert schema_errors({**sweep, "parameters": {"model.learning_rate": text}})  # PyYAML reads 1e-4 as text


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_metric_is_the_validation_loss(path: Path) -> None:
    assert read_definition(path)["metric"] == {"name": FACTS["val_loss"], "goal": "minimize"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_command_of_the_agent_composes_to_its_values(path: Path, compose: Compose) -> None:
    sweep = read_definition(path)
    for values in extreme_values(sweep["parameters"]):
        env, interpreter, program, *overrides = agent_command(sweep, values)
        assert (env, interpreter, program) == ("/usr/bin/env", "python", "train.py")
        assert (ROOT / program).is_file()
        cfg = compose(*overrides)
        check(cfg)
        assert cfg.logger.wandb._target_ == "skelmap.training.loggers.wandb_logger"
        composed = {key: OmegaConf.select(cfg, key) for key in values if key != "model"}
        assert composed == {key: value for key, value in values.items() if key != "model"}
        model = values.get("model", "lstm_vae")
        assert cfg.model._target_.split(".")[-1].lower() == model.replace("_", "")


def test_an_argument_that_hydra_cannot_parse_is_found(compose: Compose) -> None:
    sweep = read_definition(ROOT / "conf" / "wandb" / "grid.yaml")
    sweep["command"][-1] = "${args}"  # W&B's default: --key=value
    overrides = agent_command(sweep, {"data.seq_len": 15})[3:]
    with pytest.raises(Exception, match="--data"):
        compose(*overrides)

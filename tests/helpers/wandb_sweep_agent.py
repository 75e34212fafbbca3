"""W&B's sweep agent without a server: the command and the environment with which it starts a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def agent_command(sweep: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Expand the macros in the command of a sweep definition.

    Args:
        sweep: the definition.
        values: of its parameters.
    """
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    macros = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    words: list[str] = []
    for word in create_sweep_command(list(sweep["command"])):
        words += macros[word[2:-1]] if word.startswith("${") else [word]
    return words


def agent_environment(folder: Path, sweep_id: str, run_id: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Write the values of a run to a file in `folder`; return the environment variables of the run."""
    path = folder / f"config-{run_id}.yaml"
    path.write_text(yaml.safe_dump({"wandb_version": 1, **{key: {"value": value} for key, value in values.items()}}))
    return {"WANDB_SWEEP_ID": sweep_id, "WANDB_RUN_ID": run_id, "WANDB_SWEEP_PARAM_PATH": str(path)}

"""Compose conf/monitor.yaml in tests."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from hydra_config import ROOT


def compose_monitor(run: Path, output: Path | None, *overrides: str) -> DictConfig:
    """Compose conf/monitor.yaml for a run folder, an output folder (None: the default), and overrides."""
    GlobalHydra.instance().clear()
    arguments = [f"checkpoint={run}", "false_alarms_per_hour=800", *overrides]
    arguments += [f"output={output}"] if output else []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("monitor", arguments)

"""conf/monitor.yaml composed as scripts/monitor.py does."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from hydra_config import ROOT


def monitor(trained: Path, output: Path, *overrides: str) -> DictConfig:
    GlobalHydra.instance().clear()
    words = (f"checkpoint={trained}/run", f"output={output}", "false_alarms_per_hour=800", *overrides)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("monitor", list(words))

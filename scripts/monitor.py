"""Watch a camera with a trained model: `python scripts/monitor.py checkpoint=RUN source=... [KEY=VALUE ...]`."""

import logging
import sys
from pathlib import Path

import hydra
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

CONF = Path(__file__).resolve().parents[1] / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="monitor")
def main(cfg: DictConfig) -> None:
    """Watch until the source ends; Ctrl-C and SIGTERM leave complete files and the exit code 130 or 143."""
    from skelmap.monitor.app import run_monitor
    from skelmap.utils.errors import UserError  # these import OpenCV: not for --help
    from skelmap.utils.runtime import Stopped, exit_on_signal

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    try:
        with exit_on_signal():
            run_monitor(cfg)
    except Stopped as stop:
        print(f"stopped by {stop.signal}; the files are complete", file=sys.stderr)
        raise
    except UserError as error:
        raise CompactHydraException(str(error)) from None


if __name__ == "__main__":
    from skelmap.training.unknown_keys import run_or_explain

    run_or_explain(main, CONF, "monitor")

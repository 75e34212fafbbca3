"""The tasks that Hydra runs: `train` and `monitor`.

The processes of a sweep import this module by its name, and so know the resolvers of conf/.
"""

import logging
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

import skelmap.comparison.sweep
import skelmap.training.resolvers  # noqa: F401  both register resolvers
from skelmap.utils.errors import UserError
from skelmap.utils.hydra_app import COMMAND_LINE
from skelmap.utils.redaction import redact
from skelmap.utils.runtime import Stopped, exit_on_signal

log = logging.getLogger(__name__)


def train_task(cfg: DictConfig) -> float | None:
    """Run one experiment.

    Args:
        cfg: composed from conf/train.yaml.

    Returns:
        The lowest validation loss, for Hydra sweepers that optimise; None without a validation split.
    """
    from skelmap.training.run import run
    from skelmap.training.run_dir import last_checkpoint, record_failure

    sys.argv = COMMAND_LINE  # Lightning starts the other processes of a distributed run with it
    folder = Path(cfg.paths.output_dir)
    try:
        with exit_on_signal():
            return run(cfg).get("val_loss")
    except Stopped as stop:
        last = last_checkpoint(folder)
        advice = f"resume with ckpt_path={last}" if last.exists() else "no checkpoint yet: start again"
        log.error("stopped by %s; %s", stop.signal, advice)
        raise
    except Exception as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other runs of the sweep continue
            record_failure(folder, error)
            log.error("failed: %s", redact(str(error)))
            return None
        if isinstance(error, UserError):
            raise CompactHydraException(str(error)) from None
        raise


def monitor_task(cfg: DictConfig) -> None:
    """Monitor until the source ends or a signal comes; the files are complete in both cases.

    Args:
        cfg: composed from conf/monitor.yaml.
    """
    from skelmap.monitor.app import run_monitor

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    try:
        with exit_on_signal():
            run_monitor(cfg)
    except Stopped as stop:
        print(f"stopped by {stop.signal}; the files are complete", file=sys.stderr)
        raise
    except UserError as error:
        raise CompactHydraException(str(error)) from None

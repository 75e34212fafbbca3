"""Train and judge a model; `python train.py --help` tells how."""

import logging
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

import skelmap.comparison.sweep  # noqa: F401  conf/ names the folders of a sweep by its resolver
import skelmap.training.resolvers  # noqa: F401  registers ${from_model:KEY}
from skelmap.utils.redaction import redacted


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Run one experiment.

    Returns:
        The lowest validation loss, for sweepers that search; None without a validation split.
    """
    from skelmap.training.run import run
    from skelmap.training.run_dir import last_checkpoint, record_failure
    from skelmap.utils.errors import UserError  # these import torch: not for --help
    from skelmap.utils.runtime import Stopped, exit_on_signal

    folder, log = Path(cfg.paths.output_dir), logging.getLogger(__name__)
    try:
        with exit_on_signal():
            return run(cfg).get("val_loss")
    except Stopped as stop:
        last = last_checkpoint(folder)
        log.error("stopped by %s; %s", stop.signal, f"go on with ckpt_path={last}" if last.exists() else "start again")
        raise
    except Exception as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other runs of the sweep go on
            record_failure(folder, error)
            log.error("failed: %s", redacted(str(error)))
            return None
        if isinstance(error, UserError):
            raise CompactHydraException(str(error)) from None
        raise


if __name__ == "__main__":
    from skelmap.training.unknown_keys import run_or_explain

    run_or_explain(main, Path(__file__).parent / "conf")

"""Train and judge a model; `python train.py --help` tells how."""

import sys

import hydra
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf


def folder_name(number: int, overrides: str) -> str:
    """Name a sweep's run after its number and every swept key, fit for a file system."""
    name = f"{number}_{overrides}".replace("/", "_")
    return name if len(name) <= 200 else f"{name[:190]}_{sum(name.encode()):x}"


OmegaConf.register_new_resolver("folder_name", folder_name)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Run one experiment.

    Returns:
        The lowest validation loss, for sweepers that search; None without a validation split.
    """
    from skelmap.errors import UserError
    from skelmap.experiment import run  # imports torch: not for --help

    try:
        return run(cfg).get("val_loss")
    except UserError as error:
        raise CompactHydraException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit("interrupted; go on with ckpt_path=RUN/checkpoints/last.ckpt")


if __name__ == "__main__":
    main()

"""What every trial of a search is composed from."""

from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from skelmap.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """The configuration's folder and the overrides of the command line.

    Attributes:
        conf: the folder of train.yaml, absolute.
        overrides: as train.py takes them.
    """

    conf: Path
    overrides: tuple[str, ...]

    def compose(self, folder: Path, *values: str) -> DictConfig:
        """Compose a configuration as train.py does, without its progress bar: a search prints a line a trial.

        Args:
            folder: where the run writes.
            values: further overrides.

        Raises:
            UserError: an override is wrong, or not for a search.
        """
        try:
            with initialize_config_dir(str(self.conf), version_base="1.3"):
                cfg = compose("train", [*self.overrides, *values, f"paths.output_dir='{folder}'"])
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(" ".join(str(error).split())) from None
        if not cfg.train or cfg.ckpt_path:
            raise UserError("train=false and ckpt_path are not for a search: every trial is trained from its start")
        with open_dict(cfg):
            cfg.callbacks.pop("progress", None)
            cfg.trainer.enable_progress_bar = False
        return cfg

"""A trained run as a scorer, with torch."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor
from yaml import YAMLError

from skelmap.errors import UserError
from skelmap.experiment import build
from skelmap.models import Autoencoder, Baseline
from skelmap.monitor.eye import Eye


class TorchScorer:
    """A run's model, on the CPU: one camera is far from filling a GPU.

    Args:
        folder: of a run.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.eye = Eye.read(folder)
        self.model = load_model(folder)

    @torch.inference_mode()
    def encode(self, frames: NDArray[np.float32]) -> Sequence[Any]:
        """See `Scorer`."""
        return self.model.frame_codes(torch.from_numpy(frames)).unbind()

    @torch.inference_mode()
    def score(self, codes: Sequence[Sequence[Any]], frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        stacked = torch.stack([torch.stack(list(window)) for window in codes])
        scores, _ = self.model.score_windows(stacked, torch.from_numpy(frames))
        return scores.double().numpy()

    @torch.inference_mode()
    def errors(self, frames: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Scorer`."""
        window = torch.from_numpy(frames)[None]
        recon: Tensor | None = self.model.reconstruct(window)
        return None if recon is None else (recon - window)[0].square().numpy()


def load_model(folder: Path) -> Autoencoder | Baseline:
    """Load the model of a run's folder, ready to score.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """
    try:
        cfg = OmegaConf.load(folder / "config.yaml")
        checkpoint = folder / "checkpoints/best.ckpt"
        if not checkpoint.exists() and cfg.ckpt_path:  # a run that judged another's checkpoint
            checkpoint = Path(cfg.ckpt_path)
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        assert isinstance(cfg, DictConfig)
        model: Autoencoder | Baseline = build(cfg.model)
        model.on_load_checkpoint(saved)
        model.load_state_dict(saved["state_dict"])
    except (OSError, OmegaConfBaseException, YAMLError, AssertionError) as error:
        raise UserError(f"{folder}: not the folder of a finished run ({error})") from error
    except (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        raise UserError(f"{folder}: its checkpoint does not fit its config.yaml ({error})") from error
    model.eval()
    return model

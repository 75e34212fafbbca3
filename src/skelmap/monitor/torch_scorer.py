"""A trained run as a scorer, with torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from skelmap.building import build_model
from skelmap.checkpoint import load_checkpoint
from skelmap.errors import UserError
from skelmap.models import Model
from skelmap.monitor.eye import Eye
from skelmap.provenance import best_checkpoint
from skelmap.reading import read_yaml


class TorchScorer:
    """A run's model, on the CPU: one camera is far from filling a GPU.

    Args:
        folder: of a run.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.eye = Eye.read(folder)
        self.model = load_model(folder, self.eye)
        nothing = np.zeros((self.eye.window, *self.eye.settings.shape), np.float32)
        try:
            self.score([self.encode(nothing)], nothing[None])
        except (RuntimeError, IndexError) as error:
            raise UserError(f"{folder}: its model does not see what its eye.json says ({error})") from error

    @classmethod
    def open(cls, folder: Path) -> "TorchScorer":
        """Open a run's folder to watch with it; torch takes one thread from now on.

        Raises:
            UserError: no run, or its checkpoint is damaged.
        """
        torch.set_num_threads(1)  # one camera is a small thing, and another process may watch another
        return cls(folder)

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
    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        _, found = self.model.score_and_contributions(torch.from_numpy(frames)[None])
        return found[0].numpy()


def load_model(folder: Path, eye: Eye) -> Model:
    """Load the model of a run's folder, ready to score.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """
    cfg = read_yaml(folder / "config.yaml")
    saved = load_checkpoint(best_checkpoint(folder))
    try:
        model = build_model(OmegaConf.create(cfg["model"]), eye.settings)
        model.on_load_checkpoint(saved)
        model.load_state_dict(saved["state_dict"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: its checkpoint does not fit its config.yaml ({error})") from error
    model.eval()
    return model

"""Autoregressive density of keypoints by a masked fully connected network."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skelmap.data.datamodule import Batch
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.windows import WindowLength
from skelmap.models.base import InputDefaults, LearningRate, Model
from skelmap.models.baseline_base import parameter_value
from skelmap.models.pose_features import JITTER, normalize_scale
from skelmap.skeletons.layouts import LAYOUTS
from skelmap.utils.errors import UserError
from skelmap.utils.schema import PositiveInt


class MaskedLinear(nn.Linear):
    """Linear layer without the weights that a mask excludes (Germain et al. 2015).

    Args:
        mask: (out, in) bool, the weights that exist.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in) to (B, out)."""
        return F.linear(x, self.weight * self.mask, self.bias)


def masked_network(keypoints: int, hidden_size: int) -> nn.Sequential:
    """Two hidden layers whose outputs for a keypoint depend on the keypoints before it.

    Args:
        keypoints: N, of a window, in order.
        hidden_size: units of each hidden layer.

    Returns:
        A network from (B, 2 N) coordinates to (B, 5 N): five numbers for each keypoint.
    """
    number = torch.arange(keypoints)
    hidden = torch.linspace(0, max(keypoints - 2, 0), hidden_size).round()  # each unit sees keypoints up to a number
    seen = [number.repeat_interleave(2).float(), hidden, hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(seen):
        layers += [MaskedLinear(after[:, None] >= before), nn.ReLU()]
    return nn.Sequential(*layers, MaskedLinear(number.repeat_interleave(5)[:, None] > hidden))


class MaskedKeypoints(Model):
    """Score a window by the mean negative log density of its keypoints, each given those before it.

    The density of a keypoint is a Gaussian with full covariance (Delic et al. 2025, SeeKer); frame by frame, joint by
    joint, its mean is predicted as a displacement from the previous frame. Input are the joints of the body in units of
    body size. Unlike in the paper, keypoints are not weighted by their confidence.

    Args:
        seq_len: T, frames in a window.
        hidden_size: units of each of two hidden layers.
        learning_rate: of Adam.
        layout: name of the keypoints' layout.
    """

    title = "masked keypoints"
    scale_invariant = True
    no_validation_warning = "the last epoch's weights are evaluated, not the best epoch's"
    joints: Tensor

    def __init__(
        self,
        seq_len: WindowLength = 30,
        hidden_size: PositiveInt = 256,
        learning_rate: LearningRate = 1e-3,
        layout: str = "BODY_25",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.learning_rate = learning_rate
        self.register_buffer("joints", torch.tensor(LAYOUTS[layout].body), persistent=False)
        self.network = masked_network(seq_len * len(self.joints), hidden_size)

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for sequences of keypoints of the configured length."""
        seq_len = parameter_value(cls, parameters, "seq_len")
        return InputDefaults("keypoints", "sequence", seq_len, batch_size=64, max_epochs=30)

    def on_fit_start(self) -> None:
        """Check the representation.

        Raises:
            UserError: the data are maps.
        """
        if not isinstance(self.trainer.datamodule.settings, KeypointSettings):
            raise UserError(f"{self.title} takes keypoints; allowed is data.representation=keypoints")

    def keypoint_nll(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Negative log densities of the joints of the body, and the squared errors in them.

        Args:
            windows: (B, T, 1, V, 2).

        Returns:
            (B, T, V') nats, and (B, T, V', 2) squared differences from the predicted means, whitened.
        """
        places = normalize_scale(windows[:, :, 0, self.joints])
        previous = torch.cat([torch.zeros_like(places[:, :1]), places[:, :-1]], dim=1)
        mean, spread, slope = self.network(places.flatten(1)).unflatten(1, (*places.shape[1:3], 5)).split([2, 2, 1], 3)
        sigma = F.softplus(spread) + JITTER
        x, y = ((places - previous - mean) / sigma).split(1, dim=3)
        squares = torch.cat([x, y - slope * x], dim=3).square()
        nll: Tensor = (0.5 * squares + sigma.log()).sum(dim=3) + math.log(2 * math.pi)
        return nll, squares

    def training_step(self, batch: Batch) -> Tensor:
        """Return the mean negative log density of a batch, nats a keypoint."""
        return self._loss("train", batch)

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the loss of validation windows."""
        return self._loss("val", batch)

    def _loss(self, split: str, batch: Batch) -> Tensor:
        loss = self.keypoint_nll(batch.windows)[0].mean()
        self.log(f"{split}/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.start), sync_dist=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)

    def score_windows(self, windows: Tensor) -> tuple[Tensor, None]:
        """Score windows (B, T, 1, V, 2): scores (B,), nats a keypoint."""
        return self.keypoint_nll(windows)[0].mean(dim=(1, 2)), None

    def score_and_attribution(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, 1, V, 2): scores (B,) and whitened squared errors (B, T, 1, V, 2), 0 beside the body."""
        nll, squares = self.keypoint_nll(windows)
        chosen = F.one_hot(self.joints, windows.shape[3]).to(squares)  # (V', V)
        return nll.mean(dim=(1, 2)), torch.einsum("btjc,jv->btvc", squares, chosen)[:, :, None]

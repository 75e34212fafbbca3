"""What methods share that look at keypoint windows in several views: the joints, whitening, units of distance."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skelmap.data.datamodule import Batch
from skelmap.data.keypoints import KeypointSettings
from skelmap.models.baselines import Baseline
from skelmap.models.pose_features import HANDS, OF_HANDS, STEP, VIEWS, joints_of, scaled
from skelmap.skeletons.layouts import BODY
from skelmap.utils.errors import UserError

OFTEN = 0.5
"""Joints that the detector finds in fewer of the training frames are left out: held places would look like jumps."""
FLAT = 1e-6
"""Variances below this share of the largest are rounding errors, and whitening would blow them up."""
AT_ONCE = 256
"""Windows whose views are taken at once."""


class FeatureDistance(Baseline):
    """Score a window by a distance from normal work in several views at once.

    A distance in a view (`skelmap.models.views`) is in units of the mean that normal validation windows have. The score
    is the mean over the views: 1 is as far as normal work usually is. Without validation windows distances are taken as
    they are, so that the view with the larger ones counts for more.

    A subclass has a `name` for readers and defines `_learn`, `_distance` and `_parts`: what a distance is, given the
    view's principal axes in training, divided by standard deviations (whitened).

    Args:
        window: T, frames the model sees at once.
        views: names of the views; `hands_` before a name takes neck, wrists and hips alone.
        dimensions: of each view, directions that are whitened.
        max_windows: fit on this many training windows at most.
        remainder: false leaves directions beyond `dimensions` out; else they are divided by the standard deviation of
            the last of these.
        ranks: in place of the units above take the share of validation windows that are nearer, 0..1; needs some.

    Raises:
        UserError: unknown views, or not one number for each, or windows too short for them.
    """

    keypoints_only = True
    scale_invariant = True
    no_validation_warning = "distances have no units, so of several views the one with larger distances counts for more"
    joints: Tensor
    hands: Tensor
    normal: Tensor

    def __init__(
        self,
        window: int,
        views: Sequence[str],
        dimensions: Sequence[int],
        max_windows: int,
        remainder: bool,
        ranks: bool,
    ) -> None:
        super().__init__(window, max_windows)
        _check(window, views, dimensions)
        self.title = f"{self.name}: {', '.join(views)}"
        self.window, self.remainder, self.ranks = window, remainder, ranks
        self.dimensions = dict(zip(views, dimensions, strict=True))
        self._val_distances: list[Tensor] = []
        self.register_buffer("joints", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("hands", torch.zeros(0, dtype=torch.int64))  # which of these joints
        self.register_buffer("normal", torch.zeros(0, len(views)))  # distances of normal validation windows, ascending
        for view in views:
            for part in ("mean", "axes"):
                self.register_buffer(f"{view}_{part}", torch.zeros(0))

    def on_fit_start(self) -> None:
        """Choose the joints of the body that are seen often.

        Raises:
            UserError: the data are not keypoints, show one joint of the body or none, or have no validation recordings
                where ranks are taken among them.
        """
        data = self.trainer.datamodule
        if not isinstance(data.settings, KeypointSettings):
            raise UserError(f"{self.name} on views compares keypoints; allowed is data.representation=keypoints")
        if self.ranks and not len(data.starts("val")):
            raise UserError("model.ranks=true needs validation recordings; model.ranks=false does not")
        body = torch.tensor(data.layout.body)
        often = self.often_seen(data.detection_rate("train")[body])
        if len(often) < 2:
            seen = ", ".join(BODY[joint] for joint in often.tolist()) or "none"
            raise UserError(
                f"{data.manifest.path}: joints of the body that are ever seen in split train: {seen}; {self.title} "
                "compares where joints are from each other, and allowed are two or more"
            )
        self.joints = body[often].to(self.device)
        hands = torch.tensor([BODY[joint] in HANDS for joint in often.tolist()]).nonzero()[:, 0]
        self.hands = (hands if len(hands) > 1 else torch.arange(len(often))).to(self.device)

    @staticmethod
    def often_seen(share: Tensor) -> Tensor:
        """List the joints that are seen in at least half of the frames, or, failing that, all that are ever seen."""
        often = (share >= OFTEN).nonzero()[:, 0]
        return often if len(often) > 1 else (share > 0).nonzero()[:, 0]

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit each view's whitened subspace, and what the method learns in it.

        Args:
            x: (N, T V 2) flattened windows.

        Raises:
            UserError: a single window.
        """
        if len(x) < 2:
            raise UserError(f"{self.title}: one training window; allowed are two or more")
        self._keep(normal=np.zeros((0, len(self.dimensions))))  # until validation windows are seen, if there are any
        parts = [self._places(part) for part in torch.from_numpy(x).split(AT_ONCE)]
        for view, dimensions in self.dimensions.items():
            seen = torch.cat([self._seen(view, part) for part in parts])
            values = seen.numpy().astype(np.float64)  # the covariance would cancel in single precision
            mean, axes = values.mean(axis=0), self._whitening(values, dimensions)
            self._keep(**{f"{view}_mean": mean, f"{view}_axes": axes})
            self._learn(view, values - mean, axes)

    @abstractmethod
    def _learn(self, view: str, offset: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Learn a view, of which training windows differ from their mean by (N, D) and the whitened axes are (D, J)."""

    @abstractmethod
    def _distance(self, view: str, offset: Tensor) -> Tensor:
        """Distance (B,) in a view of windows that differ from the training windows' mean by (B, D)."""

    @abstractmethod
    def _parts(self, view: str, offset: Tensor) -> Tensor:
        """Parts (B, D) of that distance that are due to each number of the view."""

    def _whitening(self, values: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
        """Directions (D, D or less) of values (N, D), divided by standard deviations, the largest variance first."""
        variance, directions = np.linalg.eigh(np.cov(values.T))
        variance, directions = variance[::-1], directions[:, ::-1]
        kept = min(dimensions, len(variance), len(values) - 1)
        lowest = max(variance[kept - 1], FLAT * variance[0])
        axes: NDArray[np.float64] = directions / np.sqrt(np.maximum(variance, lowest))
        return axes if self.remainder else axes[:, :kept][:, variance[:kept] >= lowest]

    def _places(self, x: Tensor) -> Tensor:
        """Take the joints that are seen often of (B, T V 2) flattened windows, in units of the body's size."""
        return scaled(x.unflatten(1, (self.window, -1, 2))[:, :, self.joints.to(x.device)])

    def distances(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the distance in each view, (B, views), and the first view whitened, (B, J), of flattened windows."""
        places = self._places(x)
        found, latents = [], []
        for view, dimensions in self.dimensions.items():
            offset = self._offset(view, places)
            latents.append(offset @ getattr(self, f"{view}_axes")[:, :dimensions])
            found.append(self._distance(view, offset))
        return torch.stack(found, dim=1), latents[0]

    def _seen(self, view: str, places: Tensor) -> Tensor:
        """Take a view (B, D) of the places (B, T, J, 2) of the joints that are seen often."""
        return VIEWS[view.removeprefix(OF_HANDS)](places[:, :, self._joints(view).to(places.device)])

    def _offset(self, view: str, places: Tensor) -> Tensor:
        """Take what a view (B, D) of these places differs by from the training windows' mean."""
        offset: Tensor = self._seen(view, places) - getattr(self, f"{view}_mean")
        return offset

    def _joints(self, view: str) -> Tensor:
        """List the joints of a view, as indices into those that are seen often."""
        return self.hands if view.startswith(OF_HANDS) else torch.arange(len(self.joints)).to(self.joints)

    @property
    def units(self) -> Tensor:
        """The distance that normal validation windows usually have in each view, (views,); 1 where there are none."""
        return self.normal.mean(dim=0) if len(self.normal) else self.normal.new_ones(len(self.dimensions))

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean over the views (B,), 1 being usual, or of the ranks, and the first view whitened (B, J)."""
        distances, latent = self.distances(x)
        if self.ranks:
            nearer = torch.searchsorted(self.normal.T.contiguous(), distances.T.contiguous())
            return nearer.float().mean(dim=0) / len(self.normal), latent
        return (distances / self.units).mean(dim=1), latent

    def contributions(self, maps: Tensor) -> Tensor:
        """Give each joint its part of the distances, spread evenly over the frames and the two coordinates.

        Contributions of multivariate process monitoring (Westerhuis et al. 2000): a squared distance is a sum over the
        numbers of a view. Those of two joints are halved between them.

        Args:
            maps: (B, T, 1, V, 2).

        Returns:
            As large; without `ranks` a window's sum is its score.
        """
        places, joints = self._places(maps.flatten(1)), len(self.joints)
        total = torch.zeros(len(maps), joints).to(maps)
        for view, unit in zip(self.dimensions, self.units, strict=True):
            of = joints_of(view.removeprefix(OF_HANDS), self.window, len(self._joints(view))).to(maps.device)
            shares = F.one_hot(self._joints(view)[of], joints).to(maps).mean(dim=1)
            total = total + self._parts(view, self._offset(view, places)) @ shares / unit
        spread = total / (len(self.dimensions) * self.window * 2)
        return (spread @ F.one_hot(self.joints, maps.shape[3]).to(maps))[:, None, None, :, None].expand_as(maps)

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the mean distance as the loss and remember the distances."""
        with self.exactly():
            distances, _ = self.distances(batch.windows.flatten(1))
        self._val_distances.append(distances)
        self.log("val/loss", distances.mean(), batch_size=len(batch.start))
        return distances.mean()

    def on_validation_epoch_end(self) -> None:
        """Take the usual distances from the normal validation windows."""
        self.normal = torch.cat(self._val_distances).sort(dim=0).values.clamp_min(1e-6)
        self._val_distances.clear()

    def on_train_epoch_end(self) -> None:
        """Check that the epoch looked at validation windows.

        Raises:
            UserError: there are some, but the trainer was told to look at none.
        """
        if not len(self.normal) and len(self.trainer.datamodule.starts("val")):
            raise UserError(
                f"{self.title} takes {'ranks among' if self.ranks else 'its units from'} validation windows, but "
                f"epoch {self.current_epoch + 1} looked at none; allowed are trainer.limit_val_batches above 0 and "
                "trainer.check_val_every_n_epoch=1"
            )


def length(vectors: Tensor) -> Tensor:
    """Length (..., 1) of vectors (..., D), never quite 0."""
    norm: Tensor = vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return norm


def _check(window: int, views: Sequence[str], dimensions: Sequence[int]) -> None:
    """Refuse views that cannot be taken."""
    for view in views:
        if view.removeprefix(OF_HANDS) not in VIEWS:
            names = ", ".join([*VIEWS, *(OF_HANDS + name for name in VIEWS)])
            raise UserError(f"model.views has {view}; allowed are {names}")
    if not views or len(set(views)) < len(views) or len(dimensions) != len(views) or min(dimensions) < 1:
        raise UserError(
            f"model.views={list(views)} with model.dimensions={list(dimensions)}; allowed are views, each once, and "
            "as many whole numbers of at least 1"
        )
    if {"motion", f"{OF_HANDS}motion"} & set(views) and window < STEP + 2:
        raise UserError(f"data.seq_len={window}; model.views with motion allows {STEP + 2} or more: two displacements")

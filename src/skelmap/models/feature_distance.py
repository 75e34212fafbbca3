"""Base class of models that score keypoint windows by distances in one or several pose features."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.data.keypoints import KeypointSettings
from skelmap.models.base import InputDefaults
from skelmap.models.baseline_base import Baseline, parameter_value
from skelmap.models.example_head import fit_evidence
from skelmap.models.pose_features import (
    FEATURES,
    HAND_JOINTS,
    HANDS_PREFIX,
    MOTION_STEP,
    Feature,
    feature_joints,
    normalize_scale,
)
from skelmap.skeletons.layouts import BODY
from skelmap.utils.errors import UserError
from skelmap.utils.schema import PositiveInt

Features = Annotated[Sequence[Feature], Field(min_length=1)]
ExampleWeight = Annotated[float, Field(gt=0, le=1000)]
Components = Annotated[Sequence[PositiveInt], Field(min_length=1)]
MIN_DETECTION_RATE = 0.5
"""Joints detected in a smaller share of the training frames are ignored: filled-in positions would look like jumps."""
MIN_VARIANCE = 1e-6
"""Variances below this share of the largest are rounding errors, which whitening would amplify."""
CHUNK_SIZE = 256
"""Windows whose features are computed together, to bound the memory."""


class FeatureDistance(Baseline):
    """Score a window by its mean distance from the training windows over several pose features.

    The distance in a feature (`skelmap.models.pose_features`) is divided by its mean over validation windows, so the
    mean score of normal windows is 1. Without validation windows the distances are not divided, so features with larger
    distances weigh more.

    Labelled examples (`data.examples`) add evidence: 0 for most windows, positive for those that resemble abnormal
    examples (`skelmap.models.example_head`). Anomalies of other kinds keep their distance.

    A subclass sets `name` and defines `_fit_feature`, `_distance` and `_distance_parts`.

    Args:
        seq_len: T, frames in a window.
        features: names of the features; the prefix `hands_` selects neck, wrists and hips only.
        n_components: number of whitened principal components of each feature.
        max_windows: number of training windows to fit to at most.
        keep_residual: also use the directions beyond `n_components`, divided by the standard deviation of the last
            component.
        rank_normalize: instead of dividing, replace a distance by its rank among those of the validation windows, 0..1.
        example_weight: weight of the evidence of abnormal examples; 1 adds a standard deviation of the scores of
            validation windows for each standard deviation of evidence.

    Raises:
        UserError: features are repeated, or `n_components` has another length, or windows are too short for a feature.
    """

    scale_invariant = True
    supports_examples = True
    no_validation_warning = "distances have no unit, so of several features the one with larger distances weighs more"
    joints: Tensor
    hand_joints: Tensor
    val_distances: Tensor
    example_weights: Tensor
    example_bias: Tensor

    window_seconds: float | None = None
    """T in seconds that the model asks for; None to ask for `seq_len` frames."""

    def __init__(
        self,
        seq_len: int,
        features: Sequence[str],
        n_components: Sequence[int],
        max_windows: int,
        keep_residual: bool,
        rank_normalize: bool,
        example_weight: float,
    ) -> None:
        super().__init__("sequence", "keypoints", max_windows)
        _check(seq_len, features, n_components)
        self.title = f"{self.name}: {', '.join(features)}"
        self.seq_len, self.keep_residual, self.rank_normalize = seq_len, keep_residual, rank_normalize
        self.example_weight = example_weight
        self.n_components = dict(zip(features, n_components, strict=True))
        self._collected_distances: list[Tensor] = []
        self.register_buffer("joints", torch.zeros(0, dtype=torch.int64))  # of the layout
        self.register_buffer("hand_joints", torch.zeros(0, dtype=torch.int64))  # indices into `joints`
        self.register_buffer("val_distances", torch.zeros(0, len(features)))  # (M, features), each column ascending
        self.register_buffer("example_weights", torch.zeros(0))  # (D,) of all features; empty without examples
        self.register_buffer("example_bias", torch.zeros(0))
        for feature in features:
            for part in ("mean", "axes"):
                self.register_buffer(f"{feature}_{part}", torch.zeros(0))

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for sequences of keypoints of the configured length, and for one epoch in large batches."""
        seconds = None if "seq_len" in parameters else cls.window_seconds
        seq_len = parameter_value(cls, parameters, "seq_len")
        return InputDefaults("keypoints", "sequence", seq_len, batch_size=256, max_epochs=1, seconds=seconds)

    def on_fit_start(self) -> None:
        """Select the body joints that are detected often enough.

        Raises:
            UserError: the data are not keypoints, show fewer than two joints of the body, or have no validation
                recordings, which `rank_normalize` needs.
        """
        data = self.trainer.datamodule
        if not isinstance(data.settings, KeypointSettings):
            raise UserError(f"{self.title} takes keypoints; allowed is data.representation=keypoints")
        if not len(data.starts("val")):
            if self.rank_normalize:
                raise UserError("model.rank_normalize=true needs validation recordings; false does not")
            if data.example_windows.number:
                raise UserError("abnormal examples (data.examples) need validation recordings, which set their scale")
        body = torch.tensor(data.layout.body)
        frequent = self.frequent_joints(data.detection_rate("train")[body])
        if len(frequent) < 2:
            names = ", ".join(BODY[joint] for joint in frequent.tolist()) or "none"
            raise UserError(
                f"{data.manifest.path}: joints of the body that are detected in split train: {names}; {self.title} "
                "needs two or more"
            )
        self.joints = body[frequent].to(self.device)
        hands = torch.tensor([BODY[joint] in HAND_JOINTS for joint in frequent.tolist()]).nonzero()[:, 0]
        self.hand_joints = (hands if len(hands) > 1 else torch.arange(len(frequent))).to(self.device)

    @staticmethod
    def frequent_joints(detection_rate: Tensor) -> Tensor:
        """Indices of joints detected in at least half of the frames; if fewer than two, of all that are ever detected.

        Args:
            detection_rate: (V,) share of the frames in which each joint is detected.
        """
        frequent = (detection_rate >= MIN_DETECTION_RATE).nonzero()[:, 0]
        return frequent if len(frequent) > 1 else (detection_rate > 0).nonzero()[:, 0]

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the whitening of each feature, and what the subclass needs of it.

        Args:
            x: (N, T V 2) flattened windows.

        Raises:
            UserError: a single window.
        """
        if len(x) < 2:
            raise UserError(f"{self.title}: one training window; allowed are two or more")
        self._set_buffers(val_distances=np.zeros((0, len(self.n_components))))  # until validation
        chunks = [self._normalized_keypoints(chunk) for chunk in torch.from_numpy(x).split(CHUNK_SIZE)]
        for feature, n_components in self.n_components.items():
            computed = torch.cat([self._compute(feature, chunk) for chunk in chunks])
            values = computed.numpy().astype(np.float64)  # the covariance would cancel in single precision
            mean, axes = values.mean(axis=0), self._whitening_axes(values, n_components)
            self._set_buffers(**{f"{feature}_mean": mean, f"{feature}_axes": axes})
            self._fit_feature(feature, values - mean, axes)

    @abstractmethod
    def _fit_feature(self, feature: str, centered: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Fit to one feature of the training windows, centred (N, D), with whitening axes (D, J)."""

    @abstractmethod
    def _distance(self, feature: str, centered: Tensor) -> Tensor:
        """Distance (B,) from the training windows in a feature (B, D), of which their mean is subtracted."""

    @abstractmethod
    def _distance_parts(self, feature: str, centered: Tensor) -> Tensor:
        """Contribution (B, D) of each dimension of a feature to `_distance`."""

    def _whitening_axes(self, values: NDArray[np.float64], n_components: int) -> NDArray[np.float64]:
        """Principal axes of values (N, D) divided by standard deviations, largest variance first, (D, D or fewer)."""
        variance, directions = np.linalg.eigh(np.cov(values.T))
        variance, directions = variance[::-1], directions[:, ::-1]
        kept = min(n_components, len(variance), len(values) - 1)
        lowest = max(variance[kept - 1], MIN_VARIANCE * variance[0])
        axes: NDArray[np.float64] = directions / np.sqrt(np.maximum(variance, lowest))
        return axes if self.keep_residual else axes[:, :kept][:, variance[:kept] >= lowest]

    def _normalized_keypoints(self, x: Tensor) -> Tensor:
        """Selected joints of flattened windows (B, T V 2), in units of body size, (B, T, V', 2)."""
        return normalize_scale(x.unflatten(1, (self.seq_len, -1, 2))[:, :, self.joints.to(x.device)])

    def _compute(self, feature: str, keypoints: Tensor) -> Tensor:
        """Compute a feature (B, D) of normalised keypoints (B, T, V', 2)."""
        joints = self._joint_indices(feature).to(keypoints.device)
        return FEATURES[feature.removeprefix(HANDS_PREFIX)](keypoints[:, :, joints])

    def _centered(self, feature: str, keypoints: Tensor) -> Tensor:
        """Compute a feature (B, D) minus its mean over the training windows."""
        centered: Tensor = self._compute(feature, keypoints) - getattr(self, f"{feature}_mean")
        return centered

    def _joint_indices(self, feature: str) -> Tensor:
        """Joints of a feature, as indices into `joints`."""
        if feature.startswith(HANDS_PREFIX):
            return self.hand_joints
        return torch.arange(len(self.joints)).to(self.joints)

    def distances(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute distances in each feature, (B, features), and the whitened features, (B, D).

        Args:
            x: (B, T V 2) flattened windows.
        """
        keypoints = self._normalized_keypoints(x)
        found, whitened = [], []
        for feature in self.n_components:
            centered = self._centered(feature, keypoints)
            whitened.append(centered @ getattr(self, f"{feature}_axes"))
            found.append(self._distance(feature, centered))
        return torch.stack(found, dim=1), torch.cat(whitened, dim=1)

    @property
    def units(self) -> Tensor:
        """Mean distance of validation windows in each feature, (features,); 1 without validation windows."""
        if len(self.val_distances):
            return self.val_distances.mean(dim=0)
        return self.val_distances.new_ones(len(self.n_components))

    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score flattened windows (B, T V 2): scores (B,) and the first feature's components (B, J)."""
        distances, whitened = self.distances(x)
        score = self._combine(distances)
        if self.example_weights.numel():
            score = score + (whitened @ self.example_weights + self.example_bias).relu()
        return score, whitened[:, : next(iter(self.n_components.values()))]

    def _combine(self, distances: Tensor) -> Tensor:
        """Mean (B,) over features of distances (B, features) in units of the validation windows, or of their ranks."""
        if not self.rank_normalize:
            return (distances / self.units).mean(dim=1)
        rank = torch.searchsorted(self.val_distances.T.contiguous(), distances.T.contiguous())
        return rank.float().mean(dim=0) / len(self.val_distances)

    def attribution(self, windows: Tensor) -> Tensor:
        """Attribute scores to joints, spread evenly over frames and coordinates.

        Contributions as in multivariate process monitoring (Westerhuis et al. 2000): a squared distance is a sum over
        the dimensions of a feature. A dimension that depends on two joints counts half for each.

        Args:
            windows: (B, T, 1, V, 2).

        Returns:
            (B, T, 1, V, 2); without `rank_normalize` the sum over a window is its score, less the evidence of examples.
        """
        keypoints, joints = self._normalized_keypoints(windows.flatten(1)), len(self.joints)
        total = torch.zeros(len(windows), joints).to(windows)
        for feature, unit in zip(self.n_components, self.units, strict=True):
            indices = self._joint_indices(feature)
            pairs = feature_joints(feature.removeprefix(HANDS_PREFIX), self.seq_len, len(indices)).to(windows.device)
            shares = F.one_hot(indices[pairs], joints).to(windows).mean(dim=1)  # (D, V')
            total = total + self._distance_parts(feature, self._centered(feature, keypoints)) @ shares / unit
        spread = total / (len(self.n_components) * self.seq_len * 2)
        by_joint = spread @ F.one_hot(self.joints, windows.shape[3]).to(windows)  # (B, V') -> (B, V)
        return by_joint[:, None, None, :, None].expand_as(windows)

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log as the loss the mean over distances, not divided by `units`; collect the distances."""
        with self.full_precision():
            distances, _ = self.distances(batch.windows.flatten(1))
        self._collected_distances.append(distances)
        self.log("val/loss", distances.mean(), batch_size=len(batch.start))
        return distances.mean()

    def on_validation_epoch_end(self) -> None:
        """Store the distances of the validation windows."""
        self.val_distances = torch.cat(self._collected_distances).sort(dim=0).values.clamp_min(1e-6)
        self._collected_distances.clear()

    def on_train_epoch_end(self) -> None:
        """Check that the epoch validated, if there are validation windows.

        Raises:
            UserError: the trainer is configured to skip validation.
        """
        if not len(self.val_distances) and len(self.trainer.datamodule.starts("val")):
            raise UserError(
                f"{self.title} takes {'ranks among' if self.rank_normalize else 'its units from'} validation windows, "
                f"but epoch {self.current_epoch + 1} validated none; allowed are trainer.limit_val_batches above 0 and "
                "trainer.check_val_every_n_epoch=1"
            )
        if self.trainer.datamodule.example_windows.number:
            with self.full_precision(), torch.inference_mode():
                self._fit_evidence(self.trainer.datamodule)

    def _fit_evidence(self, data: SkeletonDataModule) -> None:
        """Fit the evidence of abnormal examples, in units of the validation windows' scores."""
        parts = {"normal": data.starts("train"), "abnormal": data.example_windows.abnormal, "val": data.starts("val")}
        choice = torch.Generator().manual_seed(0)
        found = {}
        for name, starts in parts.items():
            chosen = torch.randperm(len(starts), generator=choice)[: self.max_windows]
            chunks = torch.from_numpy(starts)[chosen].to(self.device).split(CHUNK_SIZE)
            distances, whitened = zip(*(self.distances(data.gather(chunk).flatten(1)) for chunk in chunks), strict=True)
            found[name] = torch.cat(whitened).cpu().numpy()
        weights, bias = fit_evidence(found["normal"], found["abnormal"], found["val"])
        scale = self.example_weight * float(self._combine(torch.cat(distances)).std())  # of the validation windows
        self._set_buffers(example_weights=scale * weights, example_bias=np.array([scale * bias]))


def safe_norm(vectors: Tensor) -> Tensor:
    """Norm (..., 1) of vectors (..., D), at least 1e-12, for divisions."""
    norm: Tensor = vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return norm


def _check(seq_len: int, features: Sequence[str], n_components: Sequence[int]) -> None:
    """Check what the types of the parameters cannot express."""
    if not features or len(set(features)) < len(features) or len(n_components) != len(features):
        raise UserError(
            f"model.features={list(features)} with model.n_components={list(n_components)}; allowed are features, each "
            "once, and as many numbers"
        )
    if {"motion", "hands_motion"} & set(features) and seq_len < MOTION_STEP + 2:
        raise UserError(
            f"data.seq_len={seq_len}; model.features with motion allows {MOTION_STEP + 2} or more: two displacements"
        )
    if {"kinematics", "hands_kinematics"} & set(features) and seq_len < 2:
        raise UserError(f"data.seq_len={seq_len}; model.features with kinematics allows 2 or more: a displacement")

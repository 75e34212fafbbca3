"""Joint layouts: the order of joints, and the limbs that connect them.

BODY_25 and COCO_18 have the joint order and limbs of OpenPose (its output documentation, section "Pose Output
Format"). COCO_17 is the order of the COCO keypoint annotations, which AlphaPose writes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMB_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
BODY = ("nose", "neck", *(f"{side}_{joint}" for joint in LIMB_JOINTS for side in ("right", "left")))
"""The joints without face and feet, which every layout has."""
PARTS = ("left", "right", "trunk")
"""Parts of a body: the limbs of each side, and the rest."""


@dataclass(frozen=True)
class Layout:
    """An order of joints and the limbs drawn between them.

    Attributes:
        name: as written in clip archives and in `data.pose_format.layout`.
        joints: joint names in keypoint order; V = len(joints).
        limbs: pairs of indices into `joints`; with `has_neck` False, index V is the derived neck.
        has_neck: whether the detector gives a joint called "neck".
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    has_neck: bool = True

    @property
    def joints_with_neck(self) -> int:
        """Number of joints including the derived neck."""
        return len(self.joints) + (not self.has_neck)

    @property
    def shoulders(self) -> tuple[int, int]:
        """Indices of the right and left shoulder."""
        return self.joints.index("right_shoulder"), self.joints.index("left_shoulder")

    @property
    def joint_parts(self) -> tuple[str, ...]:
        """Part of each joint, derived neck included, one of `PARTS`; eyes and ears belong to the trunk."""
        return tuple(_part(joint) for joint in (*self.joints, "neck")[: self.joints_with_neck])

    @property
    def limb_parts(self) -> tuple[str, ...]:
        """Part of each limb: the side of its joints, if any; no limb connects left and right."""
        parts = self.joint_parts
        return tuple(parts[a] if parts[a] != "trunk" else parts[b] for a, b in self.limbs)

    @property
    def body(self) -> tuple[int, ...]:
        """Indices of the joints `BODY`; the neck may be the derived one."""
        names = self.joints if self.has_neck else (*self.joints, "neck")
        return tuple(names.index(joint) for joint in BODY)


def _part(joint: str) -> str:
    side, _, kind = joint.partition("_")
    return side if side in ("left", "right") and kind not in ("eye", "ear") else "trunk"


def _layout(name: str, joints: str, limbs: str) -> Layout:
    """Build a layout from joint names and limbs `a-b`; without a joint "neck", that name means the derived one."""
    names = tuple(joints.split())
    index = {joint: i for i, joint in enumerate(names)} | ({} if "neck" in names else {"neck": len(names)})
    pairs = tuple((index[a], index[b]) for a, b in (limb.split("-") for limb in limbs.split()))
    return Layout(name, names, pairs, has_neck="neck" in names)


_ARMS = """neck-right_shoulder neck-left_shoulder right_shoulder-right_elbow right_elbow-right_wrist
    left_shoulder-left_elbow left_elbow-left_wrist"""
_HEAD = "neck-nose nose-right_eye right_eye-right_ear nose-left_eye left_eye-left_ear"
_LEGS = "right_hip-right_knee right_knee-right_ankle left_hip-left_knee left_knee-left_ankle"

BODY_25 = _layout(
    "BODY_25",
    """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip
    right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear
    left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel""",
    f"""neck-mid_hip {_ARMS} mid_hip-right_hip mid_hip-left_hip {_LEGS} {_HEAD}
    left_ankle-left_big_toe left_big_toe-left_small_toe left_ankle-left_heel
    right_ankle-right_big_toe right_big_toe-right_small_toe right_ankle-right_heel""",
)
COCO_18 = _layout(
    "COCO_18",
    """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist
    right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear""",
    f"{_ARMS} neck-right_hip neck-left_hip {_LEGS} {_HEAD}",
)
COCO_17 = _layout(
    "COCO_17",
    """nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow
    left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle""",
    f"{_ARMS} neck-right_hip neck-left_hip {_LEGS} {_HEAD}",
)
LAYOUTS = {layout.name: layout for layout in (BODY_25, COCO_18, COCO_17)}


def with_neck(keypoints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Append the neck, the midpoint of the shoulders, to keypoints of a layout without one.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: the keypoints' layout.

    Returns:
        (N, V, 3), the same array, if the layout has a neck; otherwise (N, V + 1, 3) with the neck last. Its confidence
        is the lower of the shoulders'; it is (0, 0, 0) where a shoulder is missing.
    """
    if layout.has_neck:
        return keypoints
    right, left = (keypoints[:, i] for i in layout.shoulders)
    neck = (right + left) / 2
    neck[:, 2] = np.minimum(right[:, 2], left[:, 2])
    neck[neck[:, 2] <= 0] = 0
    return np.concatenate([keypoints, neck[:, None]], axis=1)


def neck_positions(keypoints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Locate the neck of each row: detected, else the midpoint of the shoulders, else the mean of all detected joints.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: the keypoints' layout.

    Returns:
        (N, 2) px; NaN where no joint was detected.
    """
    detected = keypoints[..., 2] > 0
    count = detected.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        centre = (keypoints[..., :2] * detected[..., None]).sum(axis=1) / np.where(count, count, np.nan)
    right, left = layout.shoulders
    both = (detected[:, right] & detected[:, left])[:, None]
    centre = np.where(both, (keypoints[:, right, :2] + keypoints[:, left, :2]) / 2, centre)
    if layout.has_neck:
        neck = layout.joints.index("neck")
        centre = np.where(detected[:, neck, None], keypoints[:, neck, :2], centre)
    return centre.astype(np.float32)

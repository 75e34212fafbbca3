"""Occlusion of joints by furniture, carried objects and the worker's own body."""

from dataclasses import dataclass

import numpy as np

from skelmap.simulation.camera import Camera
from skelmap.simulation.motion import Bools, Floats

MIN_THICKNESS = 0.03
"""A joint is occluded when its line of sight runs through at least this much of a box, m: a hand that holds a box by
its side stays visible."""
EDGE = 0.02
"""Margin by which occluders shrink on every side, m: wrists lie outside what the hands hold."""
TRUNK_HALF = (0.11, 0.11)
"""Half depth and half breadth of the trunk, m, inside the shoulder joints so that the near shoulder stays visible
(chest depth is about 0.24 m, breadth 0.30 m; Winter 2009, fig. 4.1, gives 0.174 H)."""
SKULL_RADIUS = 0.070
"""Radius of the sphere that occludes ears and face from behind, m, inside the ears (head breadth is about 0.15 m)."""
LIMB_RADIUS = 0.055
"""Half thickness of thighs and shanks, m, as seen from the side."""
LIMB_DEPTH = 0.08
"""A leg occludes the other only if it is nearer by this much, m."""

LEG_JOINTS = {0: (10, 11, 22, 23, 24), 1: (13, 14, 19, 20, 21)}
LEG_BONES = {0: ((9, 10), (10, 11)), 1: ((12, 13), (13, 14))}
ARM_JOINTS = (2, 3, 4, 5, 6, 7)
HEAD_JOINTS = (0, 15, 16, 17, 18)


@dataclass(frozen=True)
class Occluder:
    """An opaque box over N frames.

    Attributes:
        centre: (N, 3) m.
        yaw: (N,) rotation about the vertical, rad.
        size: full width, depth, height, m.
    """

    centre: Floats
    yaw: Floats
    size: tuple[float, float, float]

    def cut(self, frames: slice) -> "Occluder":
        """Select a range of frames."""
        return Occluder(self.centre[frames], self.yaw[frames], self.size)


def occluded_joints(joints: Floats, occluders: tuple[Occluder, ...], camera: Camera) -> tuple[Bools, Bools]:
    """Find the joints that are occluded from the camera.

    Args:
        joints: (N, 25, 3) BODY_25 joints, m.
        occluders: furniture and objects.
        camera: the camera.

    Returns:
        (N, 25) occluded by objects; (N, 25) occluded by the worker's own body.
    """
    by_objects = np.zeros(joints.shape[:2], np.bool_)
    for occluder in occluders:
        axes = _yaw_axes(occluder.yaw)
        half = np.array(occluder.size) / 2
        by_objects |= _through_box(joints, occluder.centre, axes, np.maximum(half - EDGE, half / 2), camera.position)
    by_body = np.zeros_like(by_objects)
    by_body[:, ARM_JOINTS] = _behind_trunk(joints, camera)
    by_body[:, HEAD_JOINTS] = _behind_head(joints, camera)
    by_body |= _behind_legs(joints, camera)
    return by_objects, by_body


def _yaw_axes(yaw: Floats) -> Floats:
    """(N, 3, 3) unit vectors along width, depth and height."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    width = np.stack([np.cos(yaw), np.sin(yaw), zero], axis=1)
    depth = np.stack([-np.sin(yaw), np.cos(yaw), zero], axis=1)
    return np.stack([width, depth, np.stack([zero, zero, one], axis=1)], axis=1)


def _through_box(points: Floats, centre: Floats, axes: Floats, half: Floats, lens: Floats) -> Bools:
    """Whether the line from the lens to each point (N, V, 3) crosses a box: (N, V), slab method (Kay & Kajiya 1986)."""
    start = np.einsum("nk,njk->nj", lens - centre, axes)[:, None]  # (N, 1, 3) in the box's axes
    end = np.einsum("nvk,njk->nvj", points - centre[:, None], axes)
    span = end - start
    span = np.where(np.abs(span) < 1e-9, 1e-9, span)
    first, second = (-half - start) / span, (half - start) / span
    enter = np.maximum(np.minimum(first, second).max(axis=2), 0.0)
    leave = np.minimum(np.maximum(first, second).min(axis=2), 1.0)
    hidden: Bools = (leave - enter) * np.linalg.norm(span, axis=2) > MIN_THICKNESS
    return hidden


def _behind_trunk(joints: Floats, camera: Camera) -> Bools:
    """Arm joints (N, 6) occluded by the trunk, a box between shoulders and hips."""
    up = joints[:, 1] - joints[:, 8]
    height = np.linalg.norm(up, axis=1, keepdims=True)
    up = up / height
    across = joints[:, 5] - joints[:, 2]
    across -= np.sum(across * up, axis=1, keepdims=True) * up
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    axes = np.stack([np.cross(across, up), across, up], axis=1)
    half = np.array([*TRUNK_HALF, float(height.mean()) / 2])
    middle = (joints[:, 1] + joints[:, 8]) / 2
    return _through_box(joints[:, ARM_JOINTS], middle, axes, half, camera.position)


def _behind_head(joints: Floats, camera: Camera) -> Bools:
    """Head joints (N, 5) occluded by the skull, a sphere between the ears."""
    skull = (joints[:, 17] + joints[:, 18])[:, None] / 2
    line = joints[:, HEAD_JOINTS] - camera.position
    length = np.linalg.norm(line, axis=2)
    direction = line / length[..., None]
    along = np.sum((skull - camera.position) * direction, axis=2)
    aside = np.linalg.norm(skull - camera.position - along[..., None] * direction, axis=2)
    hidden: Bools = (aside < SKULL_RADIUS) & (along < length)
    return hidden


def _behind_legs(joints: Floats, camera: Camera) -> Bools:
    """Leg joints occluded by the nearer leg, in the image: (N, 25)."""
    hidden = np.zeros(joints.shape[:2], np.bool_)
    image, depth = camera.project(joints)
    for side, others in LEG_JOINTS.items():
        for a, b in LEG_BONES[1 - side]:
            start, bone = image[:, None, a], (image[:, b] - image[:, a])[:, None]
            point = image[:, list(others)]
            share = np.sum((point - start) * bone, axis=2) / np.maximum(np.sum(bone**2, axis=2), 1e-9)
            share = np.clip(share, 0.0, 1.0)
            aside = np.linalg.norm(point - start - share[..., None] * bone, axis=2)
            near = depth[:, None, a] * (1 - share) + depth[:, None, b] * share
            covers = (aside < LIMB_RADIUS * camera.focal / near) & (near < depth[:, list(others)] - LIMB_DEPTH)
            hidden[:, list(others)] |= covers
    return hidden

"""What hides what: furniture, carried things and the worker's own body between a joint and the camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.simulation.camera import Camera
from skelmap.simulation.gait import Floats

Bools = NDArray[np.bool_]

THICKNESS = 0.03
"""A joint is hidden when its line of sight runs through at least this much of a thing, m: a hand that holds a box by
its side stays visible."""
EDGE = 0.02
"""Rims of things hide nothing, m: wrists lie outside what the hands hold."""
TRUNK_HALF = (0.11, 0.11)
"""Half depth and half breadth of the trunk, m, inside the shoulder joints so that the near shoulder stays visible
(chest depth is about 0.24 m, breadth 0.30 m; Winter 2009, fig. 4.1, gives 0.174 H)."""
SKULL_RADIUS = 0.070
"""Radius of the ball that hides ears and face from behind, m, inside the ears (head breadth is about 0.15 m)."""
LIMB_RADIUS = 0.055
"""Half thickness of thighs and shanks, m, as seen from the side."""
LIMB_DEPTH = 0.08
"""A limb hides another only if it is nearer by this much, m."""

LEG_JOINTS = {0: (10, 11, 22, 23, 24), 1: (13, 14, 19, 20, 21)}
LEG_BONES = {0: ((9, 10), (10, 11)), 1: ((12, 13), (13, 14))}
BEHIND_TRUNK = (2, 3, 4, 5, 6, 7)
ON_HEAD = (0, 15, 16, 17, 18)


@dataclass(frozen=True)
class Solid:
    """A box that hides things, over N frames.

    Attributes:
        centre: (N, 3) m.
        yaw: (N,) rad about the vertical.
        size: full width, depth, height, m.
    """

    centre: Floats
    yaw: Floats
    size: tuple[float, float, float]

    def part(self, frames: slice) -> "Solid":
        """Cut out some frames."""
        return Solid(self.centre[frames], self.yaw[frames], self.size)


def hidden_joints(joints: Floats, solids: "tuple[Solid, ...]", camera: Camera) -> tuple[Bools, Bools]:
    """Find the joints that the camera cannot see.

    Args:
        joints: (N, 25, 3) BODY_25 joints, m.
        solids: what stands about and is carried.
        camera: the camera.

    Returns:
        (N, 25) hidden by things; (N, 25) hidden by the worker's own body.
    """
    by_things = np.zeros(joints.shape[:2], np.bool_)
    for solid in solids:
        axes = _yaw_axes(solid.yaw)
        half = np.array(solid.size) / 2
        by_things |= _through_box(joints, solid.centre, axes, np.maximum(half - EDGE, half / 2), camera.centre)
    by_body = np.zeros_like(by_things)
    by_body[:, BEHIND_TRUNK] = _behind_trunk(joints, camera)
    by_body[:, ON_HEAD] = _behind_head(joints, camera)
    _behind_legs(joints, camera, by_body)
    return by_things, by_body


def _yaw_axes(yaw: Floats) -> Floats:
    """(N, 3, 3) unit vectors along width, depth and height."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    width = np.stack([np.cos(yaw), np.sin(yaw), zero], axis=1)
    depth = np.stack([-np.sin(yaw), np.cos(yaw), zero], axis=1)
    return np.stack([width, depth, np.stack([zero, zero, one], axis=1)], axis=1)


def _through_box(points: Floats, centre: Floats, axes: Floats, half: Floats, eye: Floats) -> Bools:
    """Whether the way from the eye to each point (N, V, 3) leads through a box (slab method, Kay & Kajiya 1986)."""
    start = np.einsum("nk,njk->nj", eye - centre, axes)[:, None]  # (N, 1, 3) in the box's axes
    end = np.einsum("nvk,njk->nvj", points - centre[:, None], axes)
    span = end - start
    span = np.where(np.abs(span) < 1e-9, 1e-9, span)
    first, second = (-half - start) / span, (half - start) / span
    enter = np.maximum(np.minimum(first, second).max(axis=2), 0.0)
    leave = np.minimum(np.maximum(first, second).min(axis=2), 1.0)
    hidden: Bools = (leave - enter) * np.linalg.norm(span, axis=2) > THICKNESS
    return hidden


def _behind_trunk(joints: Floats, camera: Camera) -> Bools:
    up = joints[:, 1] - joints[:, 8]
    height = np.linalg.norm(up, axis=1, keepdims=True)
    up = up / height
    across = joints[:, 5] - joints[:, 2]
    across -= np.sum(across * up, axis=1, keepdims=True) * up
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    axes = np.stack([np.cross(across, up), across, up], axis=1)
    half = np.array([*TRUNK_HALF, float(height.mean()) / 2])
    middle = (joints[:, 1] + joints[:, 8]) / 2
    return _through_box(joints[:, BEHIND_TRUNK], middle, axes, half, camera.centre)


def _behind_head(joints: Floats, camera: Camera) -> Bools:
    skull = (joints[:, 17] + joints[:, 18])[:, None] / 2
    line = joints[:, ON_HEAD] - camera.centre
    length = np.linalg.norm(line, axis=2)
    direction = line / length[..., None]
    along = np.sum((skull - camera.centre) * direction, axis=2)
    aside = np.linalg.norm(skull - camera.centre - along[..., None] * direction, axis=2)
    hidden: Bools = (aside < SKULL_RADIUS) & (along < length)
    return hidden


def _behind_legs(joints: Floats, camera: Camera, hidden: Bools) -> None:
    """Each leg hides joints of the other that are further away."""
    picture, depth = camera.project(joints)
    for side, others in LEG_JOINTS.items():
        for a, b in LEG_BONES[1 - side]:
            start, bone = picture[:, None, a], (picture[:, b] - picture[:, a])[:, None]
            point = picture[:, list(others)]
            share = np.sum((point - start) * bone, axis=2) / np.maximum(np.sum(bone**2, axis=2), 1e-9)
            share = np.clip(share, 0.0, 1.0)
            aside = np.linalg.norm(point - start - share[..., None] * bone, axis=2)
            near = depth[:, None, a] * (1 - share) + depth[:, None, b] * share
            covers = (aside < LIMB_RADIUS * camera.focal / near) & (near < depth[:, list(others)] - LIMB_DEPTH)
            hidden[:, list(others)] |= covers

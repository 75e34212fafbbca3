"""Recordings: a worker does works one after the other until the camera stops."""

from dataclasses import dataclass

import numpy as np

from skelmap.factory.body import Worker
from skelmap.factory.curves import Floats
from skelmap.factory.occlusion import Solid
from skelmap.factory.performer import Performer
from skelmap.factory.simulate import simulate
from skelmap.factory.solids import solids_of
from skelmap.factory.steps import FPS
from skelmap.factory.timeline import Timeline
from skelmap.factory.works import ABNORMAL, NORMAL, perform
from skelmap.factory.workshop import Workshop

Span = tuple[int, int]
Act = tuple[str, bool]
"""A work, and whether it is done in the abnormal way."""
NORMAL_ACTS: tuple[Act, ...] = tuple((work, False) for work in NORMAL)
ABNORMAL_ACTS: tuple[Act, ...] = tuple((work, True) for work in ABNORMAL)


@dataclass(frozen=True)
class Scene:
    """What happened, in metres, before any camera.

    Attributes:
        joints: (N, 25, 3) m, BODY_25 order.
        load: (N, 2) 1 while the right, left foot bears weight.
        solids: furniture and carried things, over the N frames.
        abnormal: half-open frame spans.
        works: (name, half-open frame span).
    """

    joints: Floats
    load: Floats
    solids: tuple[Solid, ...]
    abnormal: tuple[Span, ...]
    works: tuple[tuple[str, Span], ...]

    def part(self, first: int, stop: int) -> "Scene":
        """Cut out the frames from `first` up to `stop`."""

        def cut(span: Span) -> Span:
            return max(span[0], first) - first, min(span[1], stop) - first

        return Scene(
            self.joints[first:stop],
            self.load[first:stop],
            tuple(solid.part(slice(first, stop)) for solid in self.solids),
            tuple(cut(s) for s in self.abnormal if s[0] < stop and s[1] > first),
            tuple((name, cut(s)) for name, s in self.works if s[0] < stop and s[1] > first),
        )


def record(worker: Worker, shop: Workshop, frames: int, rng: np.random.Generator, deck: list[Act]) -> Scene:
    """Let a worker work until the camera stops.

    Args:
        worker: who works.
        shop: where.
        frames: length of the recording.
        rng: source of all variation.
        deck: (work, abnormal) in the order they are done; normal works follow when it is used up.

    Returns:
        The scene, `frames` long; the last act may be cut off.
    """
    start = (float(rng.uniform(-0.9, 1.1)), float(rng.uniform(3.75, 4.2)))
    who = Performer(worker, shop, rng, Timeline(start, float(rng.uniform(-np.pi, np.pi))))
    who.timeline.stay(float(rng.uniform(0.2, 0.8)))
    acts = list(reversed(deck))
    while who.timeline.frames < frames:
        if not acts:
            acts = shuffled_deck(NORMAL_ACTS, len(NORMAL_ACTS), rng)
        who.habit()
        perform(who, *acts.pop())
    joints, feet, facing = simulate(who.timeline, worker, rng)
    spans = tuple((round(a * FPS), round(b * FPS)) for a, b in who.abnormal)
    works = tuple((name, (round(a * FPS), round(b * FPS))) for name, a, b in who.works)
    whole = Scene(joints, feet.load, solids_of(shop, joints, facing), spans, works)
    return whole.part(0, frames)


def shuffled_deck(acts: tuple[Act, ...], count: int, rng: np.random.Generator) -> list[Act]:
    """Deal `count` acts: every kind equally often, in random order."""
    deck: list[Act] = []
    while len(deck) < count:
        deck += [acts[i] for i in rng.permutation(len(acts))]
    return deck[:count]

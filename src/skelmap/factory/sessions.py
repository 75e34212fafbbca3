"""Recordings: a worker does works one after the other until the camera stops."""

from dataclasses import dataclass, field

import numpy as np

from skelmap.factory.body import Worker
from skelmap.factory.curves import Floats
from skelmap.factory.feet import FPS, Feet
from skelmap.factory.performer import Performer
from skelmap.factory.simulate import simulate
from skelmap.factory.timeline import Timeline
from skelmap.factory.works import ABNORMAL, NORMAL, perform
from skelmap.factory.workshop import Workshop

Span = tuple[int, int]


@dataclass(frozen=True)
class Scenario:
    """A recorded scene in metres, before any camera.

    Attributes:
        joints: (N, 25, 3) m, BODY_25 order.
        feet: the feet's movement.
        shop: the furniture, with the history of what was carried.
        abnormal: half-open frame spans.
        works: (name, half-open frame span).
    """

    joints: Floats
    feet: Feet
    shop: Workshop
    abnormal: tuple[Span, ...] = ()
    works: tuple[tuple[str, Span], ...] = field(default=())

    def part(self, first: int, stop: int) -> "Scenario":
        """Cut out the frames from `first` up to `stop`."""

        def cut(span: Span) -> Span:
            return max(span[0], first) - first, min(span[1], stop) - first

        return Scenario(
            self.joints[first:stop],
            self.feet,
            self.shop,
            tuple(cut(s) for s in self.abnormal if s[0] < stop and s[1] > first),
            tuple((name, cut(s)) for name, s in self.works if s[0] < stop and s[1] > first),
        )


def record(
    worker: Worker, shop: Workshop, frames: int, rng: np.random.Generator, deck: "list[tuple[str, bool]]"
) -> Scenario:
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
    acts = iter(deck)
    normal = iter(())  # type: ignore[var-annotated]
    while who.timeline.frames < frames:
        act = next(acts, None)
        if act is None:
            act = next(normal, None)
        if act is None:
            normal = iter([(str(w), False) for w in rng.permutation(NORMAL)])
            act = next(normal)
        who.habit()
        perform(who, *act)
    joints, feet = simulate(who.timeline, worker, rng)
    spans = [(round(a * FPS), round(b * FPS)) for a, b in who.abnormal]
    works = [(name, (round(a * FPS), round(b * FPS))) for name, a, b in who.works]
    return Scenario(
        joints[:frames],
        feet,
        shop,
        tuple((a, min(b, frames)) for a, b in spans if a < min(b, frames)),
        tuple((name, (a, min(b, frames))) for name, (a, b) in works if a < min(b, frames)),
    )


def shuffled_deck(acts: "tuple[tuple[str, bool], ...]", count: int, rng: np.random.Generator) -> "list[tuple[str, bool]]":
    """Deal `count` acts: every kind equally often, in random order."""
    deck: list[tuple[str, bool]] = []
    while len(deck) < count:
        deck += [acts[i] for i in rng.permutation(len(acts))]
    return deck[:count]


NORMAL_ACTS = tuple((work, False) for work in NORMAL)
ABNORMAL_ACTS = tuple((work, True) for work in ABNORMAL)

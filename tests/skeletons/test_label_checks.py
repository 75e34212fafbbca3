"""Checks of labels and groups against the recordings."""

from pathlib import Path

import pytest

from skelmap.skeletons.label_checks import check_labels
from skelmap.skeletons.manifest import Recording, Span


def recording(name: str, *abnormal: Span, split: str = "test", group: str = "") -> Recording:
    return Recording(name, Path(name), split, group or name, abnormal)


def texts(recordings: list[Recording], frames: int = 900, fps: float = 30.0) -> list[str]:
    return [str(found) for found in check_labels(recordings, [(0, frames)] * len(recordings), [fps] * len(recordings))]


def test_labels_in_seconds_are_named() -> None:
    seconds = [recording("a", (2, 6), (20, 28)), recording("b", (29, 30)), recording("c")]
    assert [text.partition(":")[0] for text in texts(seconds)] == ["a", "b"]
    assert "those are written 4s-8.5s" in texts(seconds)[0]
    assert texts([*seconds, recording("d", (100, 200))]) == []
    assert texts(seconds[:1], frames=30) == []  # of one second


def test_an_action_alone_may_be_in_seconds() -> None:
    action = Recording("a", Path("a"), "test", "a", None, (("cut", (3, 9)),))
    assert len(texts([action])) == 1


@pytest.mark.parametrize(("stop", "found"), [(900, False), (980, False), (1100, True)])
def test_labels_far_beyond_the_end_are_named(stop: int, found: bool) -> None:
    message = f"a: labels reach to frame {stop}, the recording ends at 900: are they of another frame rate?"
    assert texts([recording("a", (700, stop))]) == [message] * found


@pytest.mark.parametrize("other", ["anna", "ANNA", "Ａnna", "An na"])
def test_groups_of_two_splits_that_differ_in_spelling_are_named(other: str) -> None:
    named = [recording("a", split="train", group="Anna"), recording("b", group=other)]
    assert texts(named) == [f"b: groups 'Anna' of train and {other!r} of test differ in spelling alone: are they one?"]
    assert texts([named[0], recording("b", group="Anne")]) == []

"""Compare scorers on recordings, frame by frame as a monitor does."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from monitor_events import NO_ALARMS
from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.readers import read_clip


def stream_scores(scorer: Scorer, clip: Clip) -> Iterator[float]:
    source = ClipSource(clip)
    detector = StreamDetector(scorer, NO_ALARMS, source.layout, source.fps)
    for frame in source:
        yield from (score.score for score in detector.update(frame).scores)


def assert_same_scores(scorer: Scorer, other: Scorer, recordings: list[Path]) -> None:
    """Assert that the scores of all frames differ by at most 1e-4 of the largest."""
    for path in recordings:
        clip = read_clip(path, path.stem)
        expected, found = (np.array(list(stream_scores(each, clip))) for each in (scorer, other))
        assert len(expected) > 20
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=path.stem)

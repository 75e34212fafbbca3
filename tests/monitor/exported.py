"""Two scorers compared on recordings, frame by frame, as a monitor asks them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.readers import read_clip


def scores(scorer: Scorer, clip: Clip) -> Iterator[float]:
    source = ClipSource(clip)
    watch = StreamDetector(scorer, None, source.layout, source.fps)
    for sight in source:
        yield from (scored.score for scored in watch.see(sight).scores)


def assert_alike(one: Scorer, other: Scorer, recordings: list[Path]) -> None:
    """Scores of every frame differ by 1e-4 of the largest at most."""
    for path in recordings:
        clip = read_clip(path, path.stem)
        expected, found = (np.array(list(scores(scorer, clip))) for scorer in (one, other))
        assert len(expected) > 20
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=path.stem)

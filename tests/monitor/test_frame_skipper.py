"""Images of a camera are skipped evenly while processing does not keep up."""

from itertools import pairwise

import pytest

from skelmap.monitor.frame_skipper import FrameSkipper


def process(skipper: FrameSkipper, cost: float, seconds: float, start: float, rate: float = 30.0) -> list[int]:
    """Numbers of the images that are processed of a camera's; each one takes `cost` seconds."""
    newest, free_at, done = -1, start, []
    for number in range(round(seconds * rate)):
        time = start + number / rate
        if newest >= 0 and free_at <= time:
            if done:
                skipper.update(time, cost)
            free_at = time + cost
            done.append(newest)
            newest = -1
        newest = number if skipper.takes_next() else newest
    return done


@pytest.mark.parametrize(("cost", "stride"), [(0.02, 1), (0.05, 2), (0.09, 3), (0.28, 9)])
def test_every_nth_image_is_processed_and_all_again_when_there_is_time(cost: float, stride: int) -> None:
    skipper = FrameSkipper()
    process(skipper, cost, 10.0, 0.0)
    steps = process(skipper, cost, 10.0, 10.0)
    assert skipper.stride == stride
    assert {later - earlier for earlier, later in pairwise(steps)} == {stride}
    assert skipper.warning == (f"too slow for all images: 1 of {stride} is processed" if stride > 1 else "")
    process(skipper, 0.01, 20.0, 20.0)
    assert skipper.stride == 1

"""The alarm rule against an independent implementation, and properties of alarms."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skelmap.evaluation.alarms import Alarm, AlarmRule, AlarmTracker, find_alarms

STEP = 0.1
scores = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0]), max_size=80)
rules = st.builds(
    AlarmRule,
    on=st.just(3.0),
    off=st.sampled_from([1.0, 2.0, 3.0]),
    min_seconds=st.sampled_from([0.0, 0.25, 0.55]),
    release_seconds=st.sampled_from([0.15, 0.35, 0.95]),
)


def alarms_by_hand(values: list[float], rule: AlarmRule) -> list[tuple[int, int]]:
    """Find the first and last index of each alarm in the whole sequence."""
    alarms: list[tuple[int, int]] = []
    i = 0
    while i < len(values):
        if values[i] < rule.on:
            i += 1
            continue
        j = i  # a candidate, as long as scores are at least off
        while j < len(values) and values[j] >= rule.off and (j - i) * STEP < rule.min_seconds - 1e-9:
            j += 1
        if j == len(values) or values[j] < rule.off:
            i = j
            continue
        last = j
        while j < len(values) and (j - last) * STEP <= rule.release_seconds + 1e-9:
            last = j if values[j] >= rule.off else last
            j += 1
        alarms.append((i, last))
        i = j if j < len(values) else len(values)
    return alarms


@given(scores, rules)
def test_alarms_equal_those_of_the_independent_implementation(values: list[float], rule: AlarmRule) -> None:
    times = [round(i * STEP, 6) for i in range(len(values))]
    alarms = find_alarms(np.array(times), np.array(values), rule)
    assert [(round(a.start / STEP), round(a.end / STEP)) for a in alarms] == alarms_by_hand(values, rule)
    for alarm in alarms:
        within = [s for t, s in zip(times, values, strict=True) if alarm.start <= t <= alarm.end]
        assert alarm.peak == max(within)
        assert rule.min_seconds <= alarm.raised - alarm.start + 1e-9
        assert values[round(alarm.start / STEP)] >= rule.on and values[round(alarm.end / STEP)] >= rule.off
    for one, other in pairwise(alarms):
        assert other.start - one.end > rule.release_seconds - 1e-9


def test_an_alarm_is_raised_after_min_seconds_and_ends_after_release_seconds_without_scores() -> None:
    tracker = AlarmTracker(AlarmRule(on=1, off=0.5, min_seconds=0.2, release_seconds=1))
    for tick, score in enumerate([0.1, 1.2, 0.7, 1.5, 0.9]):
        assert tracker.update(tick / 10, score) is None
    assert tracker.alarm == Alarm(start=0.1, raised=0.3, end=0.4, peak=1.5, peak_at=0.3)
    assert tracker.advance_to(1.3) is None
    assert tracker.advance_to(1.5) == Alarm(start=0.1, raised=0.3, end=0.4, peak=1.5, peak_at=0.3)
    assert tracker.alarm is None and tracker.stop() is None


def test_a_constantly_high_score_is_one_alarm() -> None:
    (alarm,) = find_alarms(np.arange(100) / 10, np.full(100, 5.0), AlarmRule(1, 1, 0, 0.5))
    assert (alarm.start, alarm.end) == (0, 9.9)

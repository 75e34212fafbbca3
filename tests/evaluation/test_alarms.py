"""Alarms against an independent reading of the rule, and their properties."""

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


def by_hand(values: list[float], rule: AlarmRule) -> list[tuple[int, int]]:
    """First and last index of each alarm, read off the whole curve at once."""
    found: list[tuple[int, int]] = []
    i = 0
    while i < len(values):
        if values[i] < rule.on:
            i += 1
            continue
        j = i  # as long as it stays above off, this may become an alarm
        while j < len(values) and values[j] >= rule.off and (j - i) * STEP < rule.min_seconds - 1e-9:
            j += 1
        if j == len(values) or values[j] < rule.off:
            i = j
            continue
        last = j
        while j < len(values) and (j - last) * STEP <= rule.release_seconds + 1e-9:
            last = j if values[j] >= rule.off else last
            j += 1
        found.append((i, last))
        i = j if j < len(values) else len(values)
    return found


@given(scores, rules)
def test_alarms_are_those_of_the_rule(values: list[float], rule: AlarmRule) -> None:
    times = [round(i * STEP, 6) for i in range(len(values))]
    alarms = find_alarms(np.array(times), np.array(values), rule)
    assert [(round(a.start / STEP), round(a.end / STEP)) for a in alarms] == by_hand(values, rule)
    for alarm in alarms:
        within = [s for t, s in zip(times, values, strict=True) if alarm.start <= t <= alarm.end]
        assert alarm.peak == max(within)
        assert rule.min_seconds <= alarm.raised - alarm.start + 1e-9
        assert values[round(alarm.start / STEP)] >= rule.on and values[round(alarm.end / STEP)] >= rule.off
    for one, other in pairwise(alarms):
        assert other.start - one.end > rule.release_seconds - 1e-9


def test_an_alarm_is_raised_while_it_lasts_and_ends_when_nobody_is_seen_any_more() -> None:
    state = AlarmTracker(AlarmRule(on=1, off=0.5, min_seconds=0.2, release_seconds=1))
    for tick, score in enumerate([0.1, 1.2, 0.7, 1.5, 0.9]):
        assert state.update(tick / 10, score) is None
    assert state.alarm == Alarm(start=0.1, raised=0.3, end=0.4, peak=1.5, peak_at=0.3)
    assert state.advance_to(1.3) is None
    assert state.advance_to(1.5) == Alarm(start=0.1, raised=0.3, end=0.4, peak=1.5, peak_at=0.3)
    assert state.alarm is None and state.stop() is None


def test_a_score_that_never_comes_down_is_one_alarm() -> None:
    (alarm,) = find_alarms(np.arange(100) / 10, np.full(100, 5.0), AlarmRule(1, 1, 0, 0.5))
    assert (alarm.start, alarm.end) == (0, 9.9)

"""From scores to alarms: hysteresis, a minimum length, and a pause before an alarm counts as over."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

TICK = 1e-6
"""Seconds by which times may differ that are meant to be equal."""


@dataclass(frozen=True)
class AlarmRule:
    """When scores are an alarm.

    Attributes:
        on: an alarm begins with a score of at least this.
        off: it lasts while scores are at least this; at most `on`.
        min_seconds: it is raised once it has lasted so long.
        cool_down_seconds: it is over once scores have been below `off`, or nobody was there, for so long; longer than
            from one score to the next.
    """

    on: float
    off: float
    min_seconds: float = 0.5
    cool_down_seconds: float = 2.0


@dataclass(frozen=True)
class Alarm:
    """One alarm of one person; times are seconds of the stream.

    Attributes:
        start: of the unusual movement, its first score of at least `on`.
        raised: when the alarm was given.
        end: the last score of at least `off`; so far, while the alarm lasts.
        peak: the highest score.
        peak_at: when that was.
    """

    start: float
    raised: float
    end: float
    peak: float
    peak_at: float


class AlarmState:
    """Follow one person's scores.

    Attributes:
        alarm: the alarm that lasts, or None.
        pending: what will be an alarm if it lasts long enough, or None.
    """

    def __init__(self, rule: AlarmRule) -> None:
        self.rule = rule
        self.alarm: Alarm | None = None
        self.pending: Alarm | None = None

    def score(self, time: float, score: float) -> Alarm | None:
        """Take a score; give the alarm that ended with it, if one did.

        Args:
            time: seconds, later than the last.
            score: of the window that ends then.
        """
        ended = self.pass_time(time)
        if self.alarm is not None and score >= self.rule.off:
            self.alarm = _on(self.alarm, time, score)
        elif self.pending is not None and score >= self.rule.off:
            self.pending = _on(self.pending, time, score)
        elif self.alarm is None:
            self.pending = Alarm(time, time, time, score, time) if score >= self.rule.on else None
        if self.pending is not None and time - self.pending.start >= self.rule.min_seconds - TICK:
            self.alarm, self.pending = replace(self.pending, raised=time), None
        return ended

    def pass_time(self, time: float) -> Alarm | None:
        """Say that it is `time` now, seconds; give the alarm that is over by then, if one is."""
        if self.pending is not None and time - self.pending.end > self.rule.cool_down_seconds + TICK:
            self.pending = None  # nobody was seen meanwhile
        if self.alarm is None or time - self.alarm.end <= self.rule.cool_down_seconds + TICK:
            return None
        return self.stop()

    def stop(self) -> Alarm | None:
        """End the alarm that lasts, if there is one, and give it."""
        ended, self.alarm, self.pending = self.alarm, None, None
        return ended


def alarms_of(times: Iterable[float], scores: Iterable[float], rule: AlarmRule) -> list[Alarm]:
    """Give all alarms of one person's scores, in order.

    Args:
        times: seconds, ascending.
        scores: one for each time.
        rule: when they are an alarm.
    """
    state = AlarmState(rule)
    ended = [state.score(time, score) for time, score in zip(times, scores, strict=True)]
    return [alarm for alarm in (*ended, state.stop()) if alarm is not None]


def _on(alarm: Alarm, time: float, score: float) -> Alarm:
    """Prolong an alarm to `time`."""
    if score > alarm.peak:
        return replace(alarm, end=time, peak=score, peak_at=time)
    return replace(alarm, end=time)

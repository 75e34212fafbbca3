"""Weekly schedule of a camera: on which days and between which times of day it is watched."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from skelmap.utils.errors import UserError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? +)?(\d\d?):(\d\d)-(\d\d?):(\d\d)")


class Span(NamedTuple):
    """Time of day on some days.

    Attributes:
        days: 0 is Monday; those on which the span begins.
        start: minutes after midnight.
        stop: the same; at most `start` if the span ends on the next day.
    """

    days: frozenset[int]
    start: int
    stop: int

    def includes(self, time: datetime) -> bool:
        """Whether a local time lies in the span."""
        minute, day = time.hour * 60 + time.minute, time.weekday()
        if self.start < self.stop:
            return day in self.days and self.start <= minute < self.stop
        yesterday = (time - timedelta(days=1)).weekday()
        return (day in self.days and minute >= self.start) or (yesterday in self.days and minute < self.stop)


def parse_schedule(texts: Sequence[str]) -> tuple[Span, ...]:
    """Read spans such as "mon-fri 06:00-22:00", "sat 22:00-06:00" or, of all days, "06:00-22:00".

    Raises:
        UserError: naming the text and what is allowed.
    """
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> Span:
    match = SPAN.fullmatch(str(text).strip().lower())
    names = [name for name in match.groups()[:2] if name] if match else []
    if match is None or not set(names) <= set(DAYS):
        raise UserError(f"schedule {text!r}; allowed: times with or without days, like mon-fri 06:00-22:00")
    hours = [int(number) for number in match.groups()[2:]]
    start, stop = 60 * hours[0] + hours[1], 60 * hours[2] + hours[3]
    if max(start, stop) > 24 * 60 or max(hours[1], hours[3]) > 59:
        raise UserError(f"schedule {text!r}; allowed: times of day from 00:00 to 24:00")
    if not names:
        return Span(frozenset(range(7)), start, stop)
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return Span(frozenset((first + i) % 7 for i in range((last - first) % 7 + 1)), start, stop)


def is_scheduled(schedule: Sequence[Span], time: datetime) -> bool:
    """Whether a camera is watched at a local time; without a schedule always."""
    return not schedule or any(span.includes(time) for span in schedule)

"""Thresholds for a chosen false-alarm rate, from the scores of normal validation recordings."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.alarms import AlarmRule, find_alarms
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file

SCORES_FILE = "validation_scores.npz"
MAX_BYTES = 2**28
"""Largest size of the file: ten million scores."""
RELEASE_FRACTION = 0.7
"""Release level of an alarm: 0 = median of the validation scores, 1 = threshold."""
COARSE = 50
"""The search over descending scores skips 1/50 of the number of scores already passed, then searches the last gap."""


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """Scores of normal validation recordings; each belongs to the last frame of its window, as in the monitor.

    Attributes:
        clip: (N,) int64 recording, ascending.
        track: (N,) int64 person, ascending within a recording.
        time: (N,) float64 seconds, ascending within a person.
        score: (N,) float64, higher = more abnormal.
        hours: length of the recordings, with and without people; false alarms per hour refer to it.
    """

    clip: NDArray[np.int64]
    track: NDArray[np.int64]
    time: NDArray[np.float64]
    score: NDArray[np.float64]
    hours: float

    @cached_property
    def median(self) -> float:
        """Median score."""
        return float(np.median(self.score))

    @cached_property
    def sequences(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Times and scores of each person of each recording."""
        changes = (np.diff(self.clip) != 0) | (np.diff(self.track) != 0)
        parts = np.split(np.arange(len(self.score)), np.flatnonzero(changes) + 1)
        return [(self.time[part], self.score[part]) for part in parts]

    def false_alarms(self, rule: AlarmRule) -> int:
        """Count the alarms that a rule raises in these recordings."""
        return sum(len(find_alarms(times, scores, rule)) for times, scores in self.sequences)

    def rule(self, on: float, min_seconds: float, release_seconds: float) -> AlarmRule:
        """Make a rule with threshold `on`, and with its release level between the median score and the threshold."""
        off = min(on, self.median + RELEASE_FRACTION * (on - self.median))
        return AlarmRule(on, off, min_seconds, release_seconds)

    def write(self, folder: Path) -> None:
        """Write FOLDER/validation_scores.npz."""
        with atomic_write(folder / SCORES_FILE, "wb") as file:
            np.savez_compressed(
                file, clip=self.clip, track=self.track, time=self.time, score=self.score, hours=np.float64(self.hours)
            )

    @classmethod
    def read(cls, folder: Path) -> "ValidationScores":
        """Read FOLDER/validation_scores.npz.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = folder / SCORES_FILE
        if not path.exists():
            raise UserError(
                f"{path}: missing, so no threshold can be chosen; training writes it if a recording of split val has a "
                "window of scores; allowed without it: threshold=NUMBER"
            )
        check_file(path, MAX_BYTES)
        try:
            with np.load(path, allow_pickle=False) as archive:
                integers = {name: archive[name].astype(np.int64) for name in ("clip", "track")}
                floats = {name: archive[name].astype(np.float64) for name in ("time", "score")}
                scores = cls(**integers, **floats, hours=float(archive["hours"]))
        except Exception as error:  # zipfile, zlib, struct and NumPy raise a dozen kinds, RuntimeError among them
            raise UserError(f"{path}: damaged ({error})") from error
        shapes = {column.shape for column in (scores.clip, scores.track, scores.time, scores.score)}
        consistent = shapes == {(scores.score.size,)} and scores.score.size > 0
        if not consistent or not np.isfinite(scores.score).all() or not scores.hours > 0:
            raise UserError(f"{path}: damaged (columns of {sorted(shapes)} scores, {scores.hours} hours)")
        return scores


@dataclass(frozen=True)
class Threshold:
    """A threshold and its false alarms in the normal validation recordings.

    Attributes:
        rule: the alarm rule with this threshold.
        false_alarms: alarms that the rule raises in the validation recordings; None without recordings.
        hours: length of the validation recordings, 0 without recordings.
        chosen: by `choose_threshold`; otherwise given by the user.
    """

    rule: AlarmRule
    false_alarms: int | None
    hours: float
    chosen: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the false alarms per hour, exact for a Poisson process.

        For a threshold given by the user it is Garwood's (1936). A chosen threshold equals the peak of the last of k
        alarms; the rate of peaks above the k-th highest has the distribution Gamma(k), in units of 1 / `hours`.
        """
        from scipy.stats import chi2

        assert self.false_alarms is not None
        low = chi2.ppf(0.025, 2 * self.false_alarms) / 2 if self.false_alarms else 0.0
        degrees = 2 * self.false_alarms + (0 if self.chosen and self.false_alarms else 2)
        return float(low) / self.hours, float(chi2.ppf(0.975, degrees)) / 2 / self.hours


def choose_threshold(
    validation: ValidationScores,
    per_hour: float,
    min_seconds: float = AlarmRule.min_seconds,
    release_seconds: float = AlarmRule.release_seconds,
) -> Threshold:
    """Choose the highest threshold that raises the allowed number of false alarms in normal validation recordings.

    The lowest such threshold would lie just above the peak of the next alarm, and new recordings would raise about one
    alarm more than these. If alarms merge before the allowed number is reached, the threshold with the most alarms is
    chosen. The threshold is never below the median score.

    Args:
        validation: scores of the recordings.
        per_hour: allowed false alarms per hour.
        min_seconds: see `AlarmRule`.
        release_seconds: see `AlarmRule`.

    Raises:
        UserError: the recordings are shorter than the time in which one false alarm is allowed.
    """
    allowed = math.floor(per_hour * validation.hours + 1e-9)
    if allowed < 1:
        raise UserError(
            f"false_alarms_per_hour={per_hour:g} cannot be estimated from {validation.hours * 60:.1f} minutes of "
            f"normal validation recordings: they must last {1 / per_hour:.3g} h or more; allowed: "
            f"{math.ceil(100 / validation.hours) / 100:.4g} or more with these recordings, or threshold=NUMBER"
        )
    scores = np.unique(validation.score[validation.score >= validation.median])[::-1]
    levels = [math.nextafter(scores[0], math.inf), *scores.tolist()]  # descending; the first one raises no alarm
    last = len(levels) - 1
    counts: dict[int, int] = {}

    def reaches_allowed(index: int) -> bool:
        counts[index] = validation.false_alarms(validation.rule(levels[index], min_seconds, release_seconds))
        return counts[index] >= allowed

    # From the top down: far below, alarms merge until a single one never ends.
    index = previous = 0
    while not reaches_allowed(index) and index < last:
        previous, index = index, min(index + max(1, index // COARSE), last)
    for skipped in range(previous + 1, index):
        if reaches_allowed(skipped):
            break
    count, negative_index = max((count, -index) for index, count in counts.items() if count <= allowed)
    rule = validation.rule(levels[-negative_index], min_seconds, release_seconds)
    return Threshold(rule, count, validation.hours, chosen=True)

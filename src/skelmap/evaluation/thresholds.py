"""How normal work scores when it is watched, and the threshold for a chosen number of false alarms an hour."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.alarms import AlarmRule, find_alarms
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file

SCORES_FILE = "normal_scores.npz"
MAX_BYTES = 2**28
"""Of the file: ten million windows."""
RELEASE = 0.7
"""An alarm lasts while scores keep this share of the way from the median of normal work to the threshold."""
COARSE = 50
"""A threshold is looked for in steps of one fiftieth of the scores above it, then one by one."""


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """Scores of normal validation recordings as a monitor gives them: each belongs to the last frame of its window.

    Attributes:
        clip: (N,) int64 recording, ascending.
        track: (N,) int64 person, ascending within a recording.
        time: (N,) float64 seconds, ascending within a person.
        score: (N,) float64, higher = more abnormal.
        hours: of footage in these recordings, with or without people: what alarms an hour are counted by.
    """

    clip: NDArray[np.int64]
    track: NDArray[np.int64]
    time: NDArray[np.float64]
    score: NDArray[np.float64]
    hours: float

    @cached_property
    def median(self) -> float:
        """The middle score of normal work."""
        return float(np.median(self.score))

    @cached_property
    def people(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Times and scores of each person of each recording."""
        changes = (np.diff(self.clip) != 0) | (np.diff(self.track) != 0)
        parts = np.split(np.arange(len(self.score)), np.flatnonzero(changes) + 1)
        return [(self.time[part], self.score[part]) for part in parts]

    def false_alarms(self, rule: AlarmRule) -> int:
        """Count the alarms that a rule would have given in these recordings."""
        return sum(len(find_alarms(times, scores, rule)) for times, scores in self.people)

    def rule(self, on: float, min_seconds: float, release_seconds: float) -> AlarmRule:
        """Make a rule with this threshold; it is released on the way back to the median of normal work."""
        off = min(on, self.median + RELEASE * (on - self.median))
        return AlarmRule(on, off, min_seconds, release_seconds)

    def write(self, folder: Path) -> None:
        """Write FOLDER/normal_scores.npz."""
        with atomic_write(folder / SCORES_FILE, "wb") as file:
            np.savez_compressed(
                file, clip=self.clip, track=self.track, time=self.time, score=self.score, hours=np.float64(self.hours)
            )

    @classmethod
    def read(cls, folder: Path) -> "ValidationScores":
        """Read FOLDER/normal_scores.npz.

        Raises:
            UserError: it is not there or damaged.
        """
        path = folder / SCORES_FILE
        if not path.exists():
            raise UserError(
                f"{path}: not there, so there are no normal validation scores; train.py writes it where a recording of "
                "split val shows somebody for a whole window at the model's frame rate. Allowed without it is a "
                "threshold=NUMBER of your own"
            )
        check_file(path, MAX_BYTES)
        try:
            with np.load(path, allow_pickle=False) as archive:
                numbers = {name: archive[name].astype(np.int64) for name in ("clip", "track")}
                values = {name: archive[name].astype(np.float64) for name in ("time", "score")}
                found = cls(**numbers, **values, hours=float(archive["hours"]))
        except Exception as error:  # zipfile, zlib, struct and NumPy raise a dozen kinds, RuntimeError among them
            raise UserError(f"{path}: damaged ({error})") from error
        shapes = {column.shape for column in (found.clip, found.track, found.time, found.score)}
        if (
            shapes != {(found.score.size,)}
            or shapes == {(0,)}
            or not np.isfinite(found.score).all()
            or not found.hours > 0
        ):
            raise UserError(f"{path}: damaged (columns of {sorted(shapes)} scores, {found.hours} hours)")
        return found


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it means on normal work.

    Attributes:
        rule: with the threshold in it.
        false_alarms: that the rule gives on the normal validation recordings; None where there are none.
        hours: of these recordings, 0 where there are none.
        chosen: for that number of false alarms; else somebody's own.
    """

    rule: AlarmRule
    false_alarms: int | None
    hours: float
    chosen: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the false alarms an hour, exact for a Poisson process.

        Of somebody's own threshold it is Garwood's (1936). A chosen one lies at the peak of the last of k alarms; the
        rate of peaks above the k-th highest is distributed as Gamma(k), in units of one alarm in all these hours.
        """
        from scipy.stats import chi2

        assert self.false_alarms is not None
        low = chi2.ppf(0.025, 2 * self.false_alarms) / 2 if self.false_alarms else 0.0
        beyond = 2 * self.false_alarms + (0 if self.chosen and self.false_alarms else 2)
        return float(low) / self.hours, float(chi2.ppf(0.975, beyond)) / 2 / self.hours


def choose_threshold(
    normal: ValidationScores, per_hour: float, min_seconds: float, release_seconds: float
) -> Threshold:
    """Choose the highest threshold that gives as many false alarms an hour on normal work as are allowed.

    The lowest one would lie just above the next alarm's peak, and new recordings would give about one alarm more than
    these did. Where alarms melt into one another before there are so many, the threshold is the one with the most of
    them; it is never below the median.

    Args:
        normal: scores of normal validation recordings.
        per_hour: false alarms an hour that are allowed.
        min_seconds: of `AlarmRule`.
        release_seconds: of `AlarmRule`.

    Raises:
        UserError: the recordings are too short to tell: not even one false alarm is allowed in them.
    """
    allowed = math.floor(per_hour * normal.hours + 1e-9)
    if allowed < 1:
        raise UserError(
            f"false_alarms_per_hour={per_hour:g} cannot be told from {normal.hours * 60:.1f} minutes of normal "
            f"validation recordings: they must last {1 / per_hour:.3g} h or more; allowed with these are "
            f"{math.ceil(100 / normal.hours) / 100:.4g} an hour and more, or a threshold=NUMBER of your own"
        )
    scores = np.unique(normal.score[normal.score >= normal.median])[::-1]
    levels = [math.nextafter(scores[0], math.inf), *scores.tolist()]  # above all of them there is no alarm
    last = len(levels) - 1
    counts: dict[int, int] = {}

    def reached(level: int) -> bool:
        rule = normal.rule(levels[level], min_seconds, release_seconds)
        counts[level] = normal.false_alarms(rule)
        return counts[level] >= allowed

    level = before = 0
    while not reached(level) and level < last:
        before, level = level, min(level + max(1, level // COARSE), last)
    for skipped in range(before + 1, level):
        if reached(skipped):
            break
    # from the top down, for far below alarms melt into one another until a single one never ends
    count, level = max((count, -level) for level, count in counts.items() if count <= allowed)
    return Threshold(normal.rule(levels[-level], min_seconds, release_seconds), count, normal.hours, True)

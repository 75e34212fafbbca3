"""Find the configuration keys that a sweep varies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from skelmap.comparison.runs import RunResult, Value
from skelmap.utils.names import KEYS_WITHOUT_EFFECT

MODEL, DATA, SEED, SCORE_TYPE = "model", "data", "seed", "score_type"
"""Keys beside the dotted ones of the configuration: the model's name, the data set's name, the seed, the score type."""
MANIFEST = "data.manifest"
"""Data sets are distinguished by their content (`DATA`), not by the path of their manifest."""
SET_BY_MODEL = ("data.window", "data.batch_size")
"""Keys whose values depend on the model: named as swept only if no other key explains their values."""


@dataclass(frozen=True)
class SweptKeys:
    """The keys whose values distinguish the runs of a sweep.

    Attributes:
        swept: dotted keys without the seed; `model` and `data` stand for everything that they determine.
        numeric: the swept keys with numbers.
        derived: keys that vary only because another one does, each with the name of that one.
    """

    swept: tuple[str, ...]
    numeric: tuple[str, ...]
    derived: Mapping[str, str]

    @property
    def categorical(self) -> tuple[str, ...]:
        """The swept keys that are not numeric."""
        return tuple(key for key in self.swept if key not in self.numeric)

    @property
    def roc_key(self) -> str:
        """Key with a ROC curve for each value: the model if it is swept, else the first key beside the data set."""
        return MODEL if MODEL in self.swept else next((key for key in self.swept if key != DATA), MODEL)

    def short_name(self, key: str) -> str:
        """Name a key by its last part if that is unambiguous, otherwise by the whole key."""
        last = key.rpartition(".")[2]
        return key if sum(other.rpartition(".")[2] == last for other in self.swept) > 1 else last


def run_value(run: RunResult, key: str) -> Value:
    """Look up a key, which may be `model`, `data` or `seed`; None if the run does not have it."""
    special: dict[str, Callable[[RunResult], Value]] = {
        MODEL: lambda r: r.model,
        DATA: lambda r: r.data,
        SEED: lambda r: r.seed,
    }
    return special[key](run) if key in special else run.config.get(key)


def find_swept_keys(runs: Sequence[RunResult]) -> SweptKeys:
    """Find the keys that were swept, without those that are derived from another one.

    A key is derived from the model or the data set if it is constant for each of them. It is derived from another key
    if both have the same value (`model.img_size: ${data.img_size}`), for each model or overall, or if both divide the
    runs into the same sets.

    Args:
        runs: the finished runs.
    """
    names = {name for run in runs for name in run.config if not name.startswith(KEYS_WITHOUT_EFFECT)}
    candidates = sorted(
        names - {SEED}, key=lambda name: (name in SET_BY_MODEL, not name.startswith("data."), len(name), name)
    )
    chosen: list[str] = []
    derived: dict[str, str] = {}
    for key in (MODEL, DATA, SEED, *candidates):
        if len({run_value(run, key) for run in runs}) < 2 or _is_path_in_run_folder(runs, key):
            continue
        if key.startswith(MANIFEST) and not all(_is_constant(part, key) for part in _split(runs, (DATA,))):
            continue
        source = _source(runs, key, chosen) if key in candidates else None
        if source is None:
            chosen.append(key)
        else:
            derived[key] = source
    swept = tuple(key for key in chosen if key != SEED)
    return SweptKeys(swept, tuple(key for key in swept if _is_numeric(runs, key)), derived)


def _source(runs: Sequence[RunResult], key: str, chosen: Sequence[str]) -> str | None:
    """Name the chosen keys that a key is derived from; None if it is swept itself."""
    choices = [keys for keys in ((MODEL,), (DATA,), (MODEL, DATA)) if set(keys) <= set(chosen)]
    for keys in choices:
        if all(_is_constant(part, key) for part in _split(runs, keys)):
            return " and ".join(keys)
    sources = []
    for part in _split(runs, choices[-1] if choices else ()):
        if _is_constant(part, key):
            continue
        equal = [other for other in chosen if all(run_value(run, other) == run_value(run, key) for run in part)]
        if not equal:
            return _same_partition(runs, key, chosen)
        sources.append(equal[0])
    return " and ".join(dict.fromkeys(sources))


def _split(runs: Sequence[RunResult], keys: Sequence[str]) -> list[list[RunResult]]:
    """Split runs by their values of some keys."""
    parts: dict[tuple[Value, ...], list[RunResult]] = {}
    for run in runs:
        parts.setdefault(tuple(run_value(run, key) for key in keys), []).append(run)
    return list(parts.values())


def _is_constant(runs: Sequence[RunResult], key: str) -> bool:
    return len({run_value(run, key) for run in runs}) == 1


def _same_partition(runs: Sequence[RunResult], key: str, chosen: Sequence[str]) -> str | None:
    """Name a chosen key that divides the runs into the same sets; None if every run has a value of its own."""
    own = _partition(runs, key)
    if len(set(own)) == len(runs):
        return None
    return next((other for other in chosen if _partition(runs, other) == own), None)


def _partition(runs: Sequence[RunResult], key: str) -> list[int]:
    numbers: dict[Value, int] = {}
    return [numbers.setdefault(run_value(run, key), len(numbers)) for run in runs]


def _is_path_in_run_folder(runs: Sequence[RunResult], key: str) -> bool:
    folders = [run.config.get("paths.output_dir") for run in runs]
    return all(folder and str(folder) in str(run_value(run, key)) for run, folder in zip(runs, folders, strict=True))


def _is_numeric(runs: Sequence[RunResult], key: str) -> bool:
    values = {run_value(run, key) for run in runs} - {None}
    return len(values) > 1 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)

"""Which configuration keys a sweep varies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from skelmap.comparison.runs import RunResult, Value
from skelmap.utils.names import KEYS_WITHOUT_EFFECT

MODEL, DATA, SEED, SCORING = "model", "data", "seed", "scoring"
MANIFEST = "data.manifest"
"""Data are told apart by their content (`DATA`), not by where their manifest lies."""
SET_BY_MODEL = ("data.window", "data.batch_size")
"""Keys that a model sets for the data: the last to be taken for what was swept."""


@dataclass(frozen=True)
class Keys:
    """The keys whose values tell a sweep's cells apart.

    Attributes:
        swept: dotted keys without the seed; `model` and `data` stand for all that follows from their choice.
        numeric: those of them that hold numbers.
        follow: keys that differ only because another one does, with the name of that one.
    """

    swept: tuple[str, ...]
    numeric: tuple[str, ...]
    follow: Mapping[str, str]

    @property
    def categorical(self) -> tuple[str, ...]:
        """The swept keys that are not numeric."""
        return tuple(key for key in self.swept if key not in self.numeric)

    def short(self, key: str) -> str:
        """Name a key by its last word, where that is unambiguous."""
        last = key.rpartition(".")[2]
        return key if sum(other.rpartition(".")[2] == last for other in self.swept) > 1 else last


def value(cell: RunResult, key: str) -> Value:
    """Look up a key; None where the cell does not have it."""
    own: dict[str, Callable[[RunResult], Value]] = {
        MODEL: lambda c: c.model,
        DATA: lambda c: c.data,
        SEED: lambda c: c.seed,
    }
    return own[key](cell) if key in own else cell.config.get(key)


def find_keys(cells: Sequence[RunResult]) -> Keys:
    """Find the keys that were swept, leaving out those that merely follow another.

    A key follows from the choice of model and data if it is constant within each. It follows another key if it
    has the same value (`model.img_size: ${data.img_size}`), within each model or altogether, or tells the same
    cells apart.

    Args:
        cells: the finished ones.
    """
    names = {name for cell in cells for name in cell.config if not name.startswith(KEYS_WITHOUT_EFFECT)}
    shorter = sorted(
        names - {SEED}, key=lambda name: (name in SET_BY_MODEL, not name.startswith("data."), len(name), name)
    )
    chosen: list[str] = []
    follow: dict[str, str] = {}
    for key in (MODEL, DATA, SEED, *shorter):
        values = [value(cell, key) for cell in cells]
        if len(set(values)) < 2 or _is_path_of_run(cells, key):
            continue
        if key.startswith(MANIFEST) and not all(_is_constant(part, key) for part in _parts(cells, (DATA,))):
            continue
        source = _source(cells, key, chosen) if key in shorter else None
        if source is None:
            chosen.append(key)
        else:
            follow[key] = source
    swept = tuple(key for key in chosen if key != SEED)
    return Keys(swept, tuple(key for key in swept if _is_numeric(cells, key)), follow)


def _source(cells: Sequence[RunResult], key: str, chosen: Sequence[str]) -> str | None:
    """Name the chosen keys that a key follows, or None if it stands for itself."""
    choices = [keys for keys in ((MODEL,), (DATA,), (MODEL, DATA)) if set(keys) <= set(chosen)]
    for keys in choices:
        if all(_is_constant(part, key) for part in _parts(cells, keys)):
            return " and ".join(keys)
    sources = []
    for part in _parts(cells, choices[-1] if choices else ()):
        if _is_constant(part, key):
            continue
        same = [other for other in chosen if all(value(cell, other) == value(cell, key) for cell in part)]
        if not same:
            return _same_partition(cells, key, chosen)
        sources.append(same[0])
    return " and ".join(dict.fromkeys(sources))


def _parts(cells: Sequence[RunResult], keys: Sequence[str]) -> list[list[RunResult]]:
    parts: dict[tuple[Value, ...], list[RunResult]] = {}
    for cell in cells:
        parts.setdefault(tuple(value(cell, key) for key in keys), []).append(cell)
    return list(parts.values())


def _is_constant(cells: Sequence[RunResult], key: str) -> bool:
    return len({value(cell, key) for cell in cells}) == 1


def _same_partition(cells: Sequence[RunResult], key: str, chosen: Sequence[str]) -> str | None:
    """Name a chosen key that tells the same cells apart; where each cell has its own value, that means nothing."""
    own = _partition(cells, key)
    if len(set(own)) == len(cells):
        return None
    return next((other for other in chosen if _partition(cells, other) == own), None)


def _partition(cells: Sequence[RunResult], key: str) -> list[int]:
    numbers: dict[Value, int] = {}
    return [numbers.setdefault(value(cell, key), len(numbers)) for cell in cells]


def _is_path_of_run(cells: Sequence[RunResult], key: str) -> bool:
    folders = [cell.config.get("paths.output_dir") for cell in cells]
    return all(folder and str(folder) in str(value(cell, key)) for cell, folder in zip(cells, folders, strict=True))


def _is_numeric(cells: Sequence[RunResult], key: str) -> bool:
    values = {value(cell, key) for cell in cells} - {None}
    return len(values) > 1 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)

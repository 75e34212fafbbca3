"""AUROC as a function of one or two keys, averaged over the others."""

from collections.abc import Mapping, Sequence

from skelmap.study.groups import Estimate, Group, pooled
from skelmap.study.keys import DATA, MODEL, SCORING, Keys
from skelmap.study.values import Value, order

Values = tuple[Value, ...]


def profile(
    groups: Sequence[Group], along: Sequence[str], apart: Sequence[str], keys: Keys
) -> dict[Values, dict[Values, Estimate]]:
    """Average over the settings of all keys but some.

    A line is averaged over the same settings of the other keys at each of its points, so that points differ by what
    they stand for alone: over those settings that all of its points have, if there are any, else over what there is.

    Args:
        groups: to average.
        along: the keys of the axes; groups without a value for one of them are left out.
        apart: keys that lines are drawn apart for; may hold `model`, `data` and `scoring`.
        keys: the swept keys.

    Returns:
        By the values of `apart`, then by those of `along`, in order.
    """
    rest = [key for key in (MODEL, DATA, SCORING, *keys.swept) if key not in (*along, *apart)]
    lines: dict[Values, dict[Values, dict[Values, Group]]] = {}
    for group in groups:
        x = tuple(group[key] for key in along)
        if None not in x:
            line = lines.setdefault(tuple(group[key] for key in apart), {})
            line.setdefault(x, {})[tuple(group[key] for key in rest)] = group
    return {name: _average(lines[name]) for name in sorted(lines, key=lambda n: [order(v) for v in n])}


def averaged_over(shown: Sequence[str], keys: Keys) -> list[str]:
    """Name the swept keys that a profile is averaged over: those that are not shown."""
    return [keys.short(key) for key in keys.swept if key not in shown]


def _average(line: Mapping[Values, Mapping[Values, Group]]) -> dict[Values, Estimate]:
    shared = set.intersection(*(set(settings) for settings in line.values()))
    return {
        x: pooled([group for setting, group in line[x].items() if setting in shared or not shared])
        for x in sorted(line, key=lambda values: [order(v) for v in values])
    }

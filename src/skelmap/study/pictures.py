"""Which figures a study has, and what each of them shows."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from skelmap.study.groups import Group
from skelmap.study.keys import DATA, MODEL, Keys
from skelmap.study.picture import Picture
from skelmap.study.profiles import averaged_over
from skelmap.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORKS = (
    "AUROC of each work's abnormal frames against its normal ones (against all normal ones where it has none): mean "
    "over seeds and settings, with the range over these as a line."
)
SHARED = (
    "All settings are judged on the same clips, so intervals that overlap do not speak against a difference: the "
    "paired comparisons tell."
)


def draw(study: Study) -> list[Picture]:
    """Draw what there is to draw, in the order of the page; online scores and cells without an AUROC are left out."""
    from skelmap.evaluation.figures import png
    from skelmap.study import figures

    keys = study.keys
    groups = [group for group in study.groups if group.whole and None not in group.values]
    if not groups:
        return []
    roc = ("roc", "ROC curves", _roc_caption(keys), figures.roc_overlay(groups, keys))
    works = ("works", "Works", WORKS, figures.works(groups))
    drawn = [*_responses(groups, keys), *_heat_maps(groups, keys), roc, works]
    data = f" Data: {', '.join(study.data)}."
    return [Picture(name, title, caption + data, png(f)) for name, title, caption, f in drawn if f is not None]


def _responses(groups: Sequence[Group], keys: Keys) -> Iterator[tuple[str, str, str, "Figure"]]:
    """Draw the models side by side, and the AUROC against each swept key."""
    from skelmap.study import figures

    second = "" if all(group.primary for group in groups) else " Hollow: the second scoring of the same model."
    for key in [key for key in keys.swept if key != DATA] or [MODEL]:
        kinds = {(group[key], group.scoring if key == MODEL else "") for group in groups if group[key] is not None}
        if len(kinds) < 2:  # nothing to set side by side
            continue
        figure = (figures.numeric if key in keys.numeric else figures.categorical)(groups, key, keys)
        averaged = _averaged(keys, [key, *keys.categorical])
        caption = f"Mean over seeds with its 95 % interval over recordings and seeds{averaged}.{second} {SHARED}"
        short = keys.short(key)
        yield f"auroc_{short}", "Models" if key == MODEL else f"AUROC against {short}", caption, figure


def _heat_maps(groups: Sequence[Group], keys: Keys) -> Iterator[tuple[str, str, str, "Figure | None"]]:
    """Draw each pair of numeric keys."""
    from skelmap.study import figures

    for across, up in combinations(keys.numeric, 2):
        x, y = keys.short(across), keys.short(up)
        caption = f"Mean AUROC of the primary scoring{_averaged(keys, [across, up, *keys.categorical])}."
        yield f"heat_{x}_{y}", f"{x} and {y} together", caption, figures.heat_map(groups, across, up, keys)


def _roc_caption(keys: Keys) -> str:
    shown = MODEL if MODEL in keys.swept else next((key for key in keys.swept if key != DATA), MODEL)
    averaged = _averaged(keys, [shown, DATA, MODEL])
    return f"Mean true positive rate at each false positive rate, over seeds{averaged}. The numbers are mean AUROCs."


def _averaged(keys: Keys, shown: Sequence[str]) -> str:
    over = averaged_over(shown, keys)
    return f", averaged over {' and '.join(over)}" if over else ""

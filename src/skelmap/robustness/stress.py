"""`skelmap check --stress RUN`: judge a trained run again on damaged test recordings."""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from skelmap.api import evaluate
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.input_spec import InputSpec
from skelmap.evaluation.evaluate import EvaluationResult
from skelmap.models.base import Model
from skelmap.monitor.scorers import load_model
from skelmap.robustness.damage import Damage, break_tracks, drop_frames, drop_joints, every, jitter
from skelmap.robustness.scenes import Labelled, make_scenes
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.manifest import Recording, Span, write_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.training.run_dir import CONFIG, METRICS, check_data
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object, read_yaml

DAMAGES: dict[str, Damage] = {
    "10 % of the joints dropped": drop_joints,
    "20 % of the frames dropped": drop_frames,
    "jitter of 5 % of the size": jitter,
    "half the frame rate": every(2),
    "a third of the frame rate": every(3),
    "broken tracks": break_tracks,
}
"""Damage by its name in the table."""
UNDAMAGED, SCENES, BROKEN_SCENES = "as recorded", "scenes of three people", "scenes, broken tracks"
JSON_FILE, FIGURE = "stress.json", "figures/stress.png"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StressResult:
    """The run on one kind of damaged recordings.

    Attributes:
        name: of the damage.
        baseline: name of what the result is compared with.
        auroc: AUROC of the primary score; None where nothing could be judged.
        frames: frames of the recordings.
        scored: frames with a primary score.
        events: abnormal events.
        judged: abnormal events that could be judged.
    """

    name: str
    baseline: str
    auroc: float | None
    frames: int
    scored: int
    events: int
    judged: int

    @classmethod
    def of(cls, name: str, baseline: str, result: EvaluationResult) -> "StressResult":
        """Take the numbers of an evaluation."""
        counts = result.frames.counts
        events = counts.events, counts.events - len(counts.unjudged)
        return cls(name, baseline, result.primary.auroc.value, counts.frames + counts.left_out, counts.scored, *events)


def stress(folder: Path, seed: int = 0, trust: Sequence[str] = ()) -> list[StressResult]:
    """Judge a run again on damaged test recordings; write stress.json and figures/stress.png into its folder.

    Args:
        folder: of a finished run.
        seed: of the damage.
        trust: packages whose classes the configuration of the run may name.

    Returns:
        The results, undamaged recordings first.

    Raises:
        UserError: not a finished run with a test split, its data have changed, or the folder cannot be written.
    """
    config, spec = _read_run(folder)
    model = load_model(folder, spec, trust)
    data = _data(folder, config)
    check_data(folder, data)
    recordings = [
        (recording, read_clip(recording.path, recording.clip, data.pose_format))
        for recording in data.manifest.split("test")
    ]
    if not recordings:
        raise UserError(f"{folder}: its data {data.name} have no recordings of split test")
    results = []
    with tempfile.TemporaryDirectory(prefix="skelmap-stress-") as scratch:
        for name, baseline, damaged in _conditions(recordings, seed):
            log.info("%s", name)
            result = _evaluate(model, Path(scratch), {**config, "fps": spec.fps}, damaged)
            results.append(
                StressResult.of(name, baseline, result) if result else StressResult(name, baseline, None, 0, 0, 0, 0)
            )
    _write(folder, results, seed)
    return results


def _read_run(folder: Path) -> tuple[dict[str, Any], InputSpec]:
    """Read the data settings and the input spec of a finished run.

    Raises:
        UserError: it is none.
    """
    missing = [name for name in (CONFIG, METRICS, "input_spec.json") if not (folder / name).is_file()]
    if missing:
        raise UserError(f"--stress {folder}: not the folder of a finished run ({', '.join(missing)} missing)")
    metrics = read_json_object(folder / METRICS)
    if metrics.get("auroc") is None:
        raise UserError(f"--stress {folder}: no AUROC in {METRICS} ({metrics.get('auroc_reason', 'damaged')})")
    config = read_yaml(folder / CONFIG).get("data")
    if not isinstance(config, dict) or config.pop("_target_", "") != "skelmap.data.SkeletonDataModule":
        raise UserError(f"--stress {folder}: {CONFIG} has no data of skelmap.data.SkeletonDataModule")
    manifest = config.get("manifest")
    if isinstance(manifest, dict):  # simulated data, written once by the training
        config["manifest"] = Path(str(manifest.get("folder"))) / "manifest.csv"
    return config, InputSpec.read(folder)


def _data(folder: Path, config: dict[str, Any]) -> SkeletonDataModule:
    try:
        return SkeletonDataModule(**config)
    except TypeError as error:
        raise UserError(f"{folder / CONFIG}: data: {error}") from error


def _conditions(recordings: Sequence[Labelled], seed: int) -> Iterator[tuple[str, str, list[Labelled]]]:
    """Damage the recordings: name of the damage, name of what it is compared with, the damaged recordings."""
    yield UNDAMAGED, UNDAMAGED, list(recordings)
    for name, damage in DAMAGES.items():
        yield name, UNDAMAGED, _damaged(recordings, damage, seed)
    scenes = make_scenes(recordings, np.random.default_rng(seed))
    if scenes:
        yield SCENES, SCENES, scenes
        yield BROKEN_SCENES, SCENES, _damaged(scenes, break_tracks, seed)
    else:
        log.warning("no scenes of several people: no clip has two wholly normal test clips of other groups")


def _damaged(recordings: Sequence[Labelled], damage: Damage, seed: int) -> list[Labelled]:
    """Damage every clip, each with a generator of its own."""
    return [
        (recording, damage(clip, np.random.default_rng([seed, number])))
        for number, (recording, clip) in enumerate(recordings)
    ]


def _evaluate(
    model: Model, scratch: Path, config: Mapping[str, Any], recordings: Sequence[Labelled]
) -> EvaluationResult | None:
    """Evaluate a model on clips; None if none of them has a window."""
    written = []
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        for number, (recording, clip) in enumerate(recordings):
            path = folder / f"{number}.npz"
            write_clip(path, clip)
            written.append(_within(replace(recording, path=path), clip.span))
        manifest = folder / "manifest.csv"
        write_manifest(manifest, written)
        own = {"manifest": manifest, "cache_dir": folder, "folds": None, "examples": None, "n_examples": None}
        data = SkeletonDataModule(**{**config, **own})
        if not len(data.scored_starts("test")):
            return None
        return evaluate(model, data)


def _within(recording: Recording, span: Span) -> Recording:
    """Limit the labelled spans of a recording to frames that it has."""

    def limited(spans: Sequence[Span]) -> list[Span | None]:
        cut = [(max(first, span[0]), min(stop, span[1])) for first, stop in spans]
        return [(first, stop) if first < stop else None for first, stop in cut]

    abnormal = recording.abnormal and tuple(s for s in limited(recording.abnormal) if s)
    names = [name for name, _ in recording.actions]
    found = zip(names, limited([s for _, s in recording.actions]), strict=True)
    return replace(recording, abnormal=abnormal, actions=tuple((name, s) for name, s in found if s))


def results_table(results: Sequence[StressResult], title: str) -> Table:
    """Build the table for the terminal: AUROC without and with the damage, frames and events judged."""
    table = Table(title=Text(title), title_justify="left")
    for column in ("test recordings", "AUROC", "undamaged", "change", "frames judged", "events judged"):
        table.add_column(column, justify="left" if column == "test recordings" else "right")
    aurocs = {result.name: result.auroc for result in results}
    for result in results:
        before = aurocs[result.baseline]
        is_known = result.auroc is not None and before is not None and result.name != result.baseline
        table.add_row(
            Text(result.name),
            "–" if result.auroc is None else f"{result.auroc:.3f}",
            "–" if not is_known else f"{before:.3f}",
            f"{result.auroc - before:+.3f}" if result.auroc is not None and before is not None and is_known else "–",
            f"{result.scored:,} of {result.frames:,}",
            f"{result.judged} of {result.events}",
        )
    return table


def _write(folder: Path, results: Sequence[StressResult], seed: int) -> None:
    """Write stress.json and the figure into the run folder."""
    from skelmap.evaluation.plots.style import png
    from skelmap.robustness.figure import draw_stress

    content = {"seed": seed, "results": [asdict(result) for result in results]}
    with atomic_write(folder / JSON_FILE) as file:
        file.write(json.dumps(content, indent=2) + "\n")
    with atomic_write(folder / FIGURE, "wb") as file:
        file.write(png(draw_stress([(r.name, r.auroc, r.scored / max(r.frames, 1)) for r in results])))

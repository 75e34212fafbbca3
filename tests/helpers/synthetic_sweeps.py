"""Synthetic sweeps: run folders with the files that train.py writes, and scores from a known distribution."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.metrics import roc_auc_score

from skelmap.comparison.comparison import Comparison, compare_runs
from skelmap.comparison.groups import RunGroup

TITLES = {
    "ae": "AE",
    "vae": "VAE",
    "lstm_vae": "LSTM-VAE",
    "pca": "PCA",
    "gmm": "GMM",
    "knn": "KNN on windows",
    "feature_knn": "KNN of features",
}
WINDOWED = ("lstm_vae", "knn", "feature_knn")
ACTIONS = ("carry_chair", "cut_paper", "discard_trash", "dig_in_trash")


def resolved_config(folder: Path, model: str, seed: int, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Make a resolved configuration, including keys that are derived from others."""
    features = model == "feature_knn"
    tree: dict[str, Any] = {
        "seed": seed,
        "paths": {"output_dir": str(folder)},
        "data": {
            "representation": "keypoints" if features else "maps",
            "seq_len": 60 if features else 30,
            "img_size": 28,
            "window": "sequence" if model in WINDOWED else "frame",
            "batch_size": 256 if features else 16 if model in WINDOWED else 32,
            "seed": seed,
            "maps": {"resample": "bilinear"},
        },
        "model": {"_target_": f"skelmap.models.{model}", "latent_dim": 16, "channels": [8, 16, 32]},
        "trainer": {"max_epochs": 30 if model in ("ae", "vae", "lstm_vae") else 1, "default_root_dir": str(folder)},
        "callbacks": {"epoch_seed": {"seed": seed}, "checkpoint": {"dirpath": f"{folder}/checkpoints"}},
        "logger": {"csv": {"save_dir": str(folder)}},
    }
    if model == "lstm_vae":
        tree["model"]["hidden_size"] = 300
    for key, value in overrides.items():
        *path, last = key.split(".")
        node = tree
        for name in path:
            node = node.setdefault(name, {})
        node[last] = value
    tree["model"]["img_size"] = tree["data"]["img_size"]
    if model in ("lstm_vae", "feature_knn"):
        tree["model"]["seq_len"] = tree["data"]["seq_len"]
    return tree


def auroc_of_repeated_frames(score: np.ndarray, label: np.ndarray, clip: np.ndarray, weights: np.ndarray) -> float:
    """Compute the AUROC of one bootstrap replicate by repeating the frames of each clip as often as it was drawn."""
    times = weights[clip].astype(int)
    chosen = np.repeat(label, times)
    return float(roc_auc_score(chosen, np.repeat(score, times))) if 0 < chosen.sum() < len(chosen) else math.nan


def make_frames(clips: int, frames: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Make clip names, and clip index, number and label of each frame: the middle of every clip is abnormal."""
    clip = np.repeat(np.arange(clips), frames)
    frame = np.tile(np.arange(frames), clips)
    return [f"test_{i:02}" for i in range(clips)], clip, frame, ((frame > 0.3 * frames) & (frame < 0.7 * frames)) * 1


def write_scores(
    folder: Path, names: Sequence[str], clip: np.ndarray, frame: np.ndarray, label: np.ndarray, **scores: np.ndarray
) -> None:
    """Write scores.csv with a column for each of `scores`; NaN is left empty."""
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frame", "label", *scores])
        columns = [["" if v != v else v for v in column.tolist()] for column in scores.values()]
        writer.writerows(zip([names[i] for i in clip], frame.tolist(), label.tolist(), *columns, strict=True))


def write_run(
    folder: Path,
    model: str = "ae",
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    effect: float = 1.0,
    clips: int = 6,
    frames: int = 50,
    data: str = "outputs/data/simulated-paper-0/manifest.csv",
    simulated: bool = True,
) -> Path:
    """Write a finished run: clip effects are the same for all models; seeds and frames add independent noise."""
    folder.mkdir(parents=True)
    names, clip, frame, label = make_frames(clips, frames)
    hard = np.random.default_rng(7).normal(0, 0.6, (2, clips))[label, clip]
    rng = np.random.default_rng([seed, *(f"{model}{overrides}".encode())])
    score = effect * label + hard + rng.normal(0, 0.2, (2, clips))[label, clip] + rng.normal(0, 1, len(label))
    smooth = np.concatenate([np.convolve(s, np.ones(9) / 9, "same") for s in np.split(score, clips)])
    windowed = model in WINDOWED
    online = np.where(frame < 29 if frames > 40 else frame < 2, np.nan, smooth)
    primary, first, second = (online, "online", "window") if windowed else (score, "frame", "averaged")
    write_scores(folder, names, clip, frame, label, score=primary, **{second: smooth}, smoothed=primary)
    known = ~np.isnan(primary)
    own = [known & (clip % 4 == i) for i in range(4)]
    actions = [
        {"action": action, "auroc": float(roc_auc_score(label[own[i]], primary[own[i]]))}
        for i, action in enumerate(ACTIONS)
    ]
    metrics = {
        "model": TITLES[model], "data": data, "simulated": simulated, "seed": seed, "epochs": 30,
        "fps": (overrides or {}).get("data.fps", 30.0),
        "val_loss": 100.0 + seed, "parameters": 1000 * len(model),
        "train_seconds": 60.0 * len(model) + seed, "peak_memory_mb": 700,
        "auroc": float(roc_auc_score(label[known], primary[known])), "auroc_interval": [0.5, 0.9], "score": first,
        f"auroc_{second}": float(roc_auc_score(label, smooth)), f"auroc_{second}_interval": None,
        "counts": {"frames": len(label), "clips": clips},
        "details": {first: {"actions": actions}, second: {"actions": []}},
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "config.yaml").write_text(yaml.safe_dump(resolved_config(folder, model, seed, overrides or {})))
    (folder / "versions.json").write_text(json.dumps({"git": "abc123", "torch": "2.13"}))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text("seed: 99")
    return folder


def write_failed(folder: Path, text: str | None) -> Path:
    """Write a run that failed with `text`, or was interrupted (None)."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(resolved_config(folder, "ae", 0, {"data.img_size": 14})))
    if text is not None:
        (folder / "failed.txt").write_text(text)
    return folder


def find_group(comparison: Comparison, **wanted: object) -> RunGroup:
    """Find the only group with these values; a double underscore in a name stands for a dot."""
    (found,) = [g for g in comparison.groups if all(g[k.replace("__", ".")] == v for k, v in wanted.items())]
    return found


def compare_two_models(folder: Path) -> Comparison:
    """Write three runs of an AE and of an LSTM-VAE, which has higher AUROCs, and compare them."""
    for seed in range(3):
        write_run(folder / f"ae{seed}", "ae", seed, effect=0.6)
        write_run(folder / f"lstm{seed}", "lstm_vae", seed, effect=1.2)
    return compare_runs(folder)

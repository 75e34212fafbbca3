"""Invented sweeps: run folders as train.py leaves them, with scores drawn from a known model."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.metrics import roc_auc_score

TITLES = {"ae": "AE", "vae": "VAE", "lstm_vae": "LSTM-VAE", "pca": "PCA", "gmm": "GMM", "knn": "KNN on windows"}
WINDOWED = ("lstm_vae", "knn")
WORKS = ("carry_chair", "cut_paper", "discard_trash", "dig_in_trash")


def config(folder: Path, model: str, seed: int, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration, with all the keys that follow from others."""
    given = {"data.seq_len": 30, "data.img_size": 28, "data.maps.resample": "bilinear", **overrides}
    t, size = given["data.seq_len"], given["data.img_size"]
    window = t if model in WINDOWED else 1
    tree: dict[str, Any] = {
        "seed": seed,
        "paths": {"output_dir": str(folder)},
        "data": {"seq_len": t, "img_size": size, "window": window, "batch_size": 16 if window > 1 else 32, "seed": seed,
                 "maps": {"resample": given["data.maps.resample"]}},
        "model": {"_target_": f"skelmap.models.{model}", "img_size": size, "latent_dim": 16, "channels": [8, 16, 32]},
        "trainer": {"max_epochs": 1 if model in ("pca", "gmm", "knn") else 30, "default_root_dir": str(folder)},
        "callbacks": {"epoch_seed": {"seed": seed}, "checkpoint": {"dirpath": f"{folder}/checkpoints"}},
        "logger": {"save_dir": str(folder)},
    }  # fmt: skip
    if model == "lstm_vae":
        tree["model"] |= {"hidden_size": 300, "seq_len": t}
    for key, value in overrides.items():
        *path, last = key.split(".")
        place = tree
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return tree


def frames_of(clips: int, frames: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Clip of each frame (names, indices), its number, and its label: the middle of every clip is abnormal."""
    clip = np.repeat(np.arange(clips), frames)
    frame = np.tile(np.arange(frames), clips)
    return [f"test_{i:02}" for i in range(clips)], clip, frame, ((frame > 0.3 * frames) & (frame < 0.7 * frames)) * 1


def write_scores(
    folder: Path, names: Sequence[str], clip: np.ndarray, frame: np.ndarray, label: np.ndarray, **scores: np.ndarray
) -> None:
    """scores.csv: `score` and one more column; NaN is left empty."""
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frame", "label", *scores])
        columns = [["" if v != v else v for v in column.tolist()] for column in scores.values()]
        writer.writerows(zip([names[i] for i in clip], frame.tolist(), label.tolist(), *columns, strict=True))


def write_cell(
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
    """Write one finished run: clips differ alike for all models, seeds and frames add noise of their own."""
    folder.mkdir(parents=True)
    names, clip, frame, label = frames_of(clips, frames)
    hard = np.random.default_rng(7).normal(0, 0.6, (2, clips))[label, clip]
    rng = np.random.default_rng([seed, *(f"{model}{overrides}".encode())])
    score = effect * label + hard + rng.normal(0, 0.2, (2, clips))[label, clip] + rng.normal(0, 1, len(label))
    smooth = np.concatenate([np.convolve(s, np.ones(9) / 9, "same") for s in np.split(score, clips)])
    windowed = model in WINDOWED
    online = np.where(frame < 29 if frames > 40 else frame < 2, np.nan, smooth)
    primary, variant = (smooth, online) if windowed else (score, smooth)
    first, second = ("window", "online") if windowed else ("frame", "averaged")
    write_scores(folder, names, clip, frame, label, score=primary, **{second: variant})
    known = ~np.isnan(variant)
    works = [
        {"action": work, "auroc": float(roc_auc_score(label[clip % 4 == i], primary[clip % 4 == i]))}
        for i, work in enumerate(WORKS)
    ]
    metrics = {
        "model": TITLES[model], "data": data, "simulated": simulated, "seed": seed, "epochs": 30,
        "val_loss": 100.0 + seed, "parameters": 1000 * len(model),
        "train_seconds": 60.0 * len(model) + seed, "peak_memory_mb": 700,
        "auroc": float(roc_auc_score(label, primary)), "auroc_interval": [0.5, 0.9], "score": first,
        f"auroc_{second}": float(roc_auc_score(label[known], variant[known])), f"auroc_{second}_interval": None,
        "counts": {"frames": len(label), "clips": clips},
        "details": {first: {"actions": works}, second: {"actions": []}},
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "config.yaml").write_text(yaml.safe_dump(config(folder, model, seed, overrides or {})))
    (folder / "versions.json").write_text(json.dumps({"git": "abc123", "torch": "2.13"}))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text("seed: 99")
    return folder


def write_failed(folder: Path, text: str | None) -> Path:
    """A run that failed with `text`, or was interrupted."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(folder, "ae", 0, {"data.img_size": 14})))
    if text is not None:
        (folder / "failed.txt").write_text(text)
    return folder

"""Every kind of file that skelmap reads: a valid one is damaged, and a trial reads it through the public functions.

A function of INPUTS writes damaged input to a folder and returns the trial.
"""

import csv
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from damage import ODD_VALUES, YAML_VALUES, change_values, corrupt, replace_file
from skelmap.comparison.comparison import compare_runs
from skelmap.comparison.write import write_comparison
from skelmap.data.cache import Clock, open_cache
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.scorers import TorchScorer
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.training.checkpoints import check_compatible, load_checkpoint
from skelmap.training.config_check import check, resolve
from skelmap.training.instantiate import input_sizes, instantiate, instantiate_model
from skelmap.training.run import run
from skelmap.training.run_dir import finished_metrics
from skelmap.tuning.search_space import read_space
from skelmap.tuning.storage import TrialStorage
from synthetic_data import make_clip, wave, write_openpose

Trial = Callable[[], object]


@dataclass(frozen=True)
class ValidInput:
    """Valid input, made once.

    Attributes:
        task: manifest of a small data set.
        runs: finished run's folder by model.
        configs: composed configuration by model, of those runs.
    """

    task: Path
    runs: dict[str, Path]
    configs: dict[str, DictConfig]


def openpose_folder(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    write_openpose(folder / "json", make_clip(wave(4, rng.randrange(99))))
    files = sorted((folder / "json").iterdir())
    file, how = rng.choice(files), rng.randrange(6)
    if how == 0:
        replace_file(file, rng)
    elif how == 1:
        digits = rng.choice(("", "0", "9" * 9, "9" * 10, "9" * 30, "9" * 200, "-1", "٣", "1.5"))
        name = os.fsencode(f"clip_{digits}_keypoints.json")
        file.rename(os.fsdecode(os.path.join(os.fsencode(file.parent), rng.choice((b"", b"\xff\n")) + name)))
    elif how == 2:
        file.write_bytes(corrupt(file.read_bytes(), rng))
    elif how == 3:
        content = json.loads(file.read_text())
        content["people"] *= rng.choice((0, 2, 10, 100, 101, 1000))
        file.write_text(json.dumps(content))
    else:
        file.write_text(json.dumps(change_values(json.loads(file.read_text()), rng)))
    return lambda: read_clip(folder / "json", "clip")


def tracked_json(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    people = [{"category_id": 1, "keypoints": points.flatten().tolist(), "idx": 1} for points in wave(4)]
    lists = [
        {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "visible": points[:, 2].tolist()} for points in wave(4)
    ]
    pairs = [{"keypoints": p[:, :2].tolist(), "keypoint_scores": p[:, 2].tolist()} for p in wave(4)]
    content: Any = rng.choice(
        (
            [{"image_id": f"{i}.jpg", **person} for i, person in enumerate(people)],
            {"1": {str(i): person for i, person in enumerate(people)}},
            {"instance_info": [{"frame_id": i, "instances": [person]} for i, person in enumerate(pairs)]},
            [[{"keypoints": keypoints, "track_id": 1}] for keypoints in lists],
        )
    )
    path = folder / "tracked.json"
    text = json.dumps(change_values(content, rng) if rng.random() < 0.6 else content)
    path.write_bytes(corrupt(text.encode(), rng) if rng.random() < 0.5 else text.encode())
    if rng.random() < 0.1:
        replace_file(path, rng)
    elif rng.random() < 0.05:
        path.write_text('[{"image_id": "' + rng.choice("1a.") * 1_000_000 + 'x9x", "keypoints": [0]}]')
    return lambda: read_clip(path, "clip")


def archive(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    path, how = folder / "clip.npz", rng.randrange(6)
    arrays: dict[str, Any] = {
        "keypoints": wave(6), "layout": np.array("BODY_25"), "size": np.array((640, 480)), "fps": np.array(30.0),
        "frame": np.arange(6), "track": np.zeros(6, np.int64),
    }  # fmt: skip
    if how in (0, 1, 2):
        for _ in range(rng.choice((1, 1, 2))):
            arrays[rng.choice([*arrays, "more"])] = odd_array(rng)
        if rng.random() < 0.3:
            del arrays[rng.choice(list(arrays))]
    np.savez_compressed(path, **arrays)
    if how == 3:
        path.write_bytes(corrupt(path.read_bytes(), rng))
    elif how == 4:
        lying_header(path, rng)
    elif how == 5:
        replace_file(path, rng)
    return lambda: read_clip(path, "clip")


def odd_array(rng: Random) -> Any:
    """Make an array of any shape and type."""
    shape = rng.choice(((), (0,), (6,), (6, 25, 3), (6, 25), (0, 25, 3), (300, 25, 3), (6, 18, 3), (2,), (1, 1, 1, 1)))
    kind = rng.choice(["f4", "f8", "f2", "i8", "u8", "i1", "b", "c8", "U3", "S3", "O", "M8[s]", "m8[s]", "i4"])
    with np.errstate(all="ignore"):
        values = np.full(shape, rng.choice((0, 1, -1, 2**31, 2**62, 1e30, np.nan, np.inf, -np.inf)))
        if kind == "O":
            return np.array([{}, Exploding("touch /tmp/skelmap_code_ran")], object)
        return values.astype(np.int64).astype(kind) if kind[0] in "Mm" else values.astype(kind)


class Exploding:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)

    def __deepcopy__(self, memo: object) -> "Exploding":  # copying uses __reduce__, too
        return self


def lying_header(path: Path, rng: Random) -> None:
    """Let the header of an array claim another shape or type."""
    with zipfile.ZipFile(path) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    name = rng.choice(list(entries))
    content = io.BytesIO(entries[name])
    np.lib.format.read_magic(content)
    shape, _, kind = np.lib.format.read_array_header_1_0(content)
    shape = rng.choice(((10**9, 25, 3), (2**62,), (2**31, 2**31), (10**8,), (-1,), (6, 25, 3), (0, 10**18), shape))
    kind = np.dtype(rng.choice(("<f4", "<f8", "|O", "<U1000000", "<i8", "|V100000", kind)))
    lie = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        lie, {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(kind)}
    )
    entries[name] = lie.getvalue() + content.read()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry, content in entries.items():
            packed.writestr(entry, content)
    if rng.random() < 0.2:  # the zip directory lies, too
        data = bytearray(path.read_bytes())
        at = data.rfind(b"PK\x01\x02")
        data[at + 24 : at + 28] = rng.choice((0xFFFFFFFE, 0x7FFFFFFF, 0)).to_bytes(4, "little")
        path.write_bytes(data)


def manifest(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A damaged manifest of valid and damaged clips, read up to the windows."""
    for name in ("train_a.npz", "val.npz", "test_mixed.npz"):
        shutil.copy(valid.task.parent / name, folder / name)
    path = folder / "manifest.csv"
    lines = [
        ["clip", "path", "split", "group", "abnormal", "action"],
        ["train_a", "train_a.npz", "train", "a", "", ""],
        ["val", "val.npz", "val", "b", "", ""],
        ["test", "test_mixed.npz", "test", "c", "30-60", "wave:0-60"],
    ]
    how = rng.randrange(7)
    if how in (0, 1, 2):
        odd = (
            *(str(value) for value in ODD_VALUES[:45]),
            "0-1;" * 30_000,
            "5-2",
            "0-999999999999",
            "a:0-9;b:3-5",
            "all",
        )
        lines = change_values(lines, rng, odd)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        for line in lines:
            csv.writer(file).writerow(line if isinstance(line, list) else [line])
    if how in (3, 4):
        path.write_bytes(corrupt(path.read_bytes(), rng))
    elif how == 5:
        damaged = folder / "train_a.npz"
        if rng.random() < 0.5:
            replace_file(damaged, rng)
        else:
            frames = np.array(rng.choice(([0, 2**31 - 1], [0, 1, 2**30], [5] * 2, [0, 10**8])), np.int64)
            write_clip(damaged, make_clip(wave(len(frames)), frame=frames, track=np.arange(len(frames))))
    elif how == 6:
        if rng.random() < 0.3:
            path.write_text(",".join(["clip"] * 1_000_000))
        else:
            replace_file(path, rng)

    def trial() -> None:
        maps = {"crop_size": 480, "resample": "bilinear", "line_width": 8, "line_unit": "source", "threshold": 0.1}
        data = SkeletonDataModule(path, folder / "cache", seq_len=8, window="frame", img_size=14, maps=maps)
        data.setup()
        data.splits.eval_index("test")

    return trial


def cache(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A damaged cache, which is built again with the same maps."""
    recordings = read_manifest(valid.task).recordings
    settings, clock = MapSettings(img_size=14), Clock(30, 0.2)
    expected = open_cache(recordings, settings, folder / "expected", clock)
    shutil.copytree(folder / "expected", folder / "cache")
    files = sorted(p for p in (folder / "cache").rglob("*") if p.suffix in (".rows", ".digest"))
    for file in rng.sample(files, rng.randint(1, len(files))):
        file.write_bytes(corrupt(file.read_bytes(), rng))

    def trial() -> None:
        found = open_cache(recordings, settings, folder / "cache", clock)
        assert np.array_equal(found.packed, expected.packed) and np.array_equal(found.frame, expected.frame)

    return trial


def checkpoint(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A damaged checkpoint, checked against its model; some are resumed from or evaluated."""
    model = rng.choice(list(valid.runs))
    path = folder / "damaged.ckpt"
    damage_checkpoint(valid.runs[model] / "checkpoints" / "best.ckpt", path, rng)
    cfg = valid.configs[model].copy()
    cfg.paths.output_dir = str(folder / "run")
    cfg.ckpt_path = str(path)
    cfg.train = rng.random() < 0.5
    if cfg.train:
        cfg.trainer.max_epochs = 2

    whole = rng.random() < 0.1

    def trial() -> None:
        config = resolve(cfg)
        data = instantiate(config["data"])
        model = instantiate_model(config["model"], input_sizes(data))
        check_compatible(path, load_checkpoint(path), model, data)
        if whole:
            run(cfg)

    return trial


def damage_checkpoint(source: Path, path: Path, rng: Random) -> None:
    how = rng.randrange(8)
    if how == 0:
        path.write_bytes(corrupt(source.read_bytes(), rng))
    elif how == 1:
        path.write_bytes(pickle.dumps(rng.choice((Exploding("touch /tmp/skelmap_code_ran"), {"state_dict": {}}, 7))))
    elif how == 2:
        shutil.copy(source, path)
        replace_file(path, rng)
    else:
        content = torch.load(source, weights_only=True)
        odd = (
            *ODD_VALUES,
            torch.zeros(3),
            torch.zeros(1).expand(10**6, 10**6),
            torch.zeros(2, 2, dtype=torch.complex64),
            torch.tensor(float("nan")),
            torch.sparse_coo_tensor(size=(10**6, 10**6)),
            torch.zeros(()),
            b"bytes",
            (1, 2),
            Exploding("touch /tmp/skelmap_code_ran"),
        )
        part = rng.choice((content, content, content["state_dict"], content["callbacks"], content["loops"]))
        damaged = change_values(dict(part), rng, odd)
        content = damaged if part is content else {k: damaged if v is part else v for k, v in content.items()}
        torch.save(content, path)
        if how == 3:
            recompress(path)


def recompress(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)


def config(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A damaged configuration, checked; if it is valid, all of it is built."""
    tree = OmegaConf.to_container(valid.configs[rng.choice(list(valid.configs))], resolve=rng.random() < 0.5)
    # a composed configuration is trusted: what it says to call is called
    odd = tuple(
        v for v in ODD_VALUES if v not in ("/dev/zero", "os.system") and not (type(v) is dict and "_target_" in v)
    )
    cfg = OmegaConf.create(change_values(tree, rng, odd)) if rng.random() < 0.97 else OmegaConf.create({})

    def trial() -> None:
        config = resolve(cfg)
        check(config)
        data = instantiate(config["data"])
        instantiate_model(config["model"], input_sizes(data))
        for part in (config["trainer"], *config["callbacks"].values()):
            instantiate(part)

    return trial


def comparison(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A sweep with a damaged file in one of its runs."""
    for model, source in valid.runs.items():
        shutil.copytree(source, folder / "sweep" / model, ignore=shutil.ignore_patterns("checkpoints", "*.html"))
    run = rng.choice(sorted((folder / "sweep").iterdir()))
    file = run / rng.choice(
        (
            "config.yaml",
            "metrics.json",
            "metrics.json",
            "scores.csv",
            "versions.json",
            "data_digests.json",
            "failed.txt",
        )
    )
    if file.name == "failed.txt":
        (run / "metrics.json").unlink()
        file.write_bytes(rng.randbytes(rng.choice((0, 10, 10_000))))
    elif file.suffix in (".json", ".yaml") and rng.random() < 0.6:
        read, write = (json.loads, json.dumps) if file.suffix == ".json" else (yaml.safe_load, yaml.safe_dump)
        file.write_text(write(change_values(read(file.read_text()), rng, YAML_VALUES)))
    elif rng.random() < 0.2:
        replace_file(file, rng)
    else:
        file.write_bytes(corrupt(file.read_bytes(), rng))
    if rng.random() < 0.05:
        bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        bomb += "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        shutil.rmtree(file, ignore_errors=True)  # it may be a folder now, or a link to itself
        (run / "config.yaml").unlink(missing_ok=True)
        (run / "config.yaml").write_text(bomb)
    whole = rng.random() < 0.04

    def trial() -> None:
        comparison = compare_runs(folder / "sweep")
        if whole:
            write_comparison(comparison)

    return trial


RUN_FILES = ("config.yaml", "input_spec.json", "validation_scores.npz", "metrics.json", "checkpoints/best.ckpt")


def run_folder(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A run folder with a damaged file, for the monitor and for a run that is started again."""
    model = rng.choice(list(valid.runs))
    shutil.copytree(valid.runs[model], folder / "run", ignore=shutil.ignore_patterns("log", "figures", "*.html"))
    file = rng.choice(RUN_FILES)
    path = folder / "run" / file
    if rng.random() < 0.15:
        replace_file(path, rng)
    elif path.suffix == ".ckpt":
        damage_checkpoint(valid.runs[model] / "checkpoints" / "best.ckpt", path, rng)
    elif path.suffix == ".yaml":
        path.write_text(yaml.safe_dump(change_values(yaml.safe_load(path.read_text()), rng, YAML_VALUES)))
    elif path.suffix == ".json" and rng.random() < 0.7:
        path.write_text(json.dumps(change_values(json.loads(path.read_text()), rng)))
    else:
        path.write_bytes(corrupt(path.read_bytes(), rng))

    def trial() -> None:
        finished_metrics(folder / "run", resolve(valid.configs[model]))
        ValidationScores.read(folder / "run")
        scorer = TorchScorer.open(folder / "run")
        scorer.score(np.zeros((1, scorer.spec.window, *scorer.spec.settings.shape), np.float32))

    return trial


def tuning(valid: ValidInput, folder: Path, rng: Random) -> Trial:
    """A search space and the storage of its trials."""
    space = {"model.latent_dim": {"int": [4, 64]}, "model.learning_rate": {"float": [1e-4, 1e-2], "log": True}}
    path = folder / "space.yaml"
    text = yaml.safe_dump(change_values(space, rng, YAML_VALUES) if rng.random() < 0.7 else space)
    path.write_bytes(corrupt(text.encode(), rng) if rng.random() < 0.5 else text.encode())
    storage = TrialStorage(folder / "study", seed=0, warmup=1)
    storage.check_settings({"a": 1})
    journal = folder / "study" / "journal.log"
    if rng.random() < 0.7:
        journal.write_bytes(corrupt(journal.read_bytes(), rng))
    elif rng.random() < 0.3:
        replace_file(journal, rng)

    def trial() -> None:
        TrialStorage(folder / "study", seed=0, warmup=1).check_settings({"a": 1})
        read_space(path)

    return trial


INPUTS: dict[str, Callable[[ValidInput, Path, Random], Trial]] = {
    "OpenPose folders": openpose_folder,
    "tracked JSON": tracked_json,
    "npz archives": archive,
    "manifests": manifest,
    "caches": cache,
    "checkpoints": checkpoint,
    "configurations": config,
    "runs in a comparison": comparison,
    "runs in the monitor": run_folder,
    "tuning": tuning,
}

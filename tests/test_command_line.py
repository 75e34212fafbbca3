"""python train.py: help, a run, sweeps."""

import json
import struct
import time
from pathlib import Path

from cli_runs import train

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")


def test_help_is_quick_complete_and_does_not_import_torch(tmp_path: Path) -> None:
    began = time.monotonic()
    done = train(tmp_path, "--help", python=("-X", "importtime"))
    assert time.monotonic() - began < 10
    assert done.returncode == 0
    for text in (
        "data=manifest data.manifest=PATH",
        "train=false ckpt_path=PATH",
        "lstm_vae",
        "tensorboard",
        "img_size",
    ):
        assert text in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported and not imported & {"torch", "pytorch_lightning", "sklearn", "cv2"}
    assert not list(tmp_path.glob("outputs/runs/*"))


def test_a_group_of_nothing_is_told_how_to_leave_it_out(tmp_path: Path) -> None:
    done = train(tmp_path, "logger=null")
    assert (done.returncode, done.stderr) == (1, "logger=null; allowed: csv, tensorboard, wandb, or ~logger for none\n")


def test_a_run_prints_its_areas_and_its_report(task: Path, tmp_path: Path) -> None:
    done = train(tmp_path, *QUICK, "model=mean_template", f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    assert "Callback" not in done.stderr  # Hydra only warns of a callback that failed, such as the check of the folder
    (folder,) = tmp_path.glob("outputs/runs/*/*_mean_template")
    auroc = json.loads((folder / "metrics.json").read_text())["auroc"]
    assert f"{auroc:.3f}" in done.stdout
    assert struct.unpack(">II", (folder / "figures" / "roc.png").read_bytes()[16:24]) == (920, 920)  # 4.6 in, 200 dpi
    assert str(folder.relative_to(tmp_path) / "report.html") in done.stdout.replace("\n", "")


def test_a_sweep_names_its_runs_and_goes_on_after_a_failure(task: Path, tmp_path: Path) -> None:
    models = "model=pca,mean_template"
    done = train(tmp_path, "-m", *QUICK, models, "data.img_size=20,13", f"data.manifest={task}")
    folders = {p.name: p for p in tmp_path.glob("outputs/sweeps/*/*/*=*")}
    assert len(folders) == 4, done.stderr
    for name, folder in folders.items():
        size = 20 if "data.img_size=20" in name else 13
        assert f"data.img_size={size}" in name and ("model=pca" in name) != ("model=mean_template" in name)
        assert (folder / "metrics.json").exists() == (size == 20)
        assert (folder / "failed.txt").exists() == (size == 13)
        if size == 13:
            assert "data.img_size=13; allowed: a whole number from 14 to 256" in (folder / "failed.txt").read_text()
    assert done.returncode == 1
    assert "2 of 4 runs failed" in done.stderr

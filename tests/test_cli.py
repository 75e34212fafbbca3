"""The command line: help of every command, runs and sweeps of `train`."""

import json
import struct
from pathlib import Path

import pytest

from cli_runs import skelmap, train
from skelmap.cli import COMMANDS, main

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_no_heavy_package(command: str, tmp_path: Path) -> None:
    done = skelmap(tmp_path, *filter(None, [command]), "--help", python=("-X", "importtime"))
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 5
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "pytorch_lightning", "sklearn", "cv2", "matplotlib", "optuna"}
    assert not list(tmp_path.iterdir())


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    assert all(f"  {command} " in text for command in COMMANDS)


def test_an_unknown_command_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit"])
    assert end.value.code == 2
    assert "unknown command 'fit'; allowed are simulate, extract, train" in capsys.readouterr().err


def test_help_of_train_shows_usage_groups_and_keys(tmp_path: Path) -> None:
    done = train(tmp_path, "--help")
    assert done.returncode == 0
    texts = ("data=manifest data.manifest=PATH", "train=false ckpt_path=PATH", "lstm_vae", "tensorboard", "img_size")
    assert all(text in done.stdout for text in texts)


def test_null_for_a_group_is_refused_with_the_allowed_words(tmp_path: Path) -> None:
    done = train(tmp_path, "logger=null")
    assert (done.returncode, done.stderr) == (1, "logger=null; allowed: csv, tensorboard, wandb, or ~logger for none\n")


def test_a_run_prints_its_auroc_and_the_path_of_its_report(task: Path, tmp_path: Path) -> None:
    done = train(tmp_path, *QUICK, "model=mean_template", f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    assert "Callback" not in done.stderr  # Hydra only warns of a callback that failed, such as the check of the folder
    (folder,) = tmp_path.glob("outputs/runs/*/*_mean_template")
    auroc = json.loads((folder / "metrics.json").read_text())["auroc"]
    assert f"{auroc:.3f}" in done.stdout
    assert struct.unpack(">II", (folder / "figures" / "roc.png").read_bytes()[16:24]) == (920, 920)  # 4.6 in, 200 dpi
    assert str(folder.relative_to(tmp_path) / "report.html") in done.stdout.replace("\n", "")


def test_a_sweep_names_its_runs_and_continues_after_a_failure(task: Path, tmp_path: Path) -> None:
    models = "model=pca,mean_template"
    done = train(tmp_path, "-m", *QUICK, models, "data.img_size=20,13", f"data.manifest={task}")
    folders = {p.name: p for p in tmp_path.glob("outputs/sweeps/*/*/*+*")}
    assert len(folders) == 4, done.stderr
    for name, folder in folders.items():
        size = 20 if "data.img_size-20" in name else 13
        assert f"data.img_size-{size}+" in name and ("model-pca" in name) != ("model-mean_template" in name)
        assert (folder / "metrics.json").exists() == (size == 20)
        assert (folder / "failed.txt").exists() == (size == 13)
        if size == 13:
            assert "data.img_size=13; allowed: a whole number from 14 to 256" in (folder / "failed.txt").read_text()
    assert done.returncode == 1
    assert "2 of 4 runs failed" in done.stderr

"""The command line: help of every command, runs and sweeps of `train`."""

import json
import re
import struct
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cli_runs import TRAIN_PY, python, train
from hydra_config import ROOT
from skelmap.cli import COMMANDS, main
from skelmap.utils.hydra_app import check_arguments
from skelmap.utils.names import flatten

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_no_heavy_package(command: str, tmp_path: Path) -> None:
    done = python(tmp_path, "-X", "importtime", "-m", "skelmap", *filter(None, [command]), "--help")
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 5
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "skelmap.cli" in imported
    assert not imported & {"hydra", "torch", "pytorch_lightning", "scipy", "sklearn", "cv2", "matplotlib", "optuna"}
    assert not list(tmp_path.iterdir())


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    assert all(f"  {command} " in text for command in COMMANDS)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"skelmap {version('skelmap')}\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("skelmap tr", "train"),
        ("skelmap train model=feature_k", "model=feature_knn model=feature_knn_ranks"),
        ("skelmap train model=ae model.latent", "model.latent_dim="),
        ("skelmap monitor web.", "web.certificate= web.host= web.key="),
        ("skelmap compare outputs/", ""),
    ],
)
def test_the_shell_completes_commands_groups_and_keys(
    line: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setattr(sys, "argv", ["skelmap"])
    main(["-sc", "query=bash"])
    assert capsys.readouterr().out.strip().startswith(words)


def test_an_unknown_command_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit"])
    assert end.value.code == 2
    assert "unknown command 'fit'; allowed are extract, check, train, " in capsys.readouterr().err


def test_help_of_train_shows_usage_groups_and_keys(tmp_path: Path) -> None:
    done = python(tmp_path, TRAIN_PY, "--help")
    assert done.returncode == 0
    texts = ("data=manifest data.manifest=PATH", "train=false ckpt_path=PATH", "\n* model=lstm_vae", "tensorboard")
    assert all(text in done.stdout for text in texts)
    assert re.search(r"\n  data\.img_size=28 +side of the skeleton map, px", done.stdout)


def help_rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """The explanation of each choice and key of a command's help."""
    main([*arguments, "--help"])
    _, _, table = capsys.readouterr().out.partition("Groups" if arguments[0] == "train" else "Keys")
    joined = re.sub(r"\n {40,}", "  ", table)
    rows = [re.split(r" {2,}", line[2:], maxsplit=1) for line in joined.splitlines() if line[:2] in ("  ", "* ")]
    return {row[0]: "".join(row[1:]) for row in rows}


CHOICES = [f"{path.parent.name}={path.stem}" for path in ROOT.glob("conf/*/*.yaml")]
CHOICES = [choice for choice in CHOICES if choice.partition("=")[0] not in ("space", "wandb")]


@pytest.mark.parametrize("arguments", [("monitor",), *(("train", choice) for choice in sorted(CHOICES))])
def test_help_explains_every_choice_and_key(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    rows = help_rows(capsys, *arguments)
    assert len(rows) > 15 and [left for left, explanation in rows.items() if not explanation] == []
    if arguments[0] == "train":
        assert {left for left in rows if "." not in left.partition("=")[0]} >= set(CHOICES)


def test_help_shows_the_keys_of_the_chosen_files(capsys: pytest.CaptureFixture[str]) -> None:
    rows = help_rows(capsys, "train", "model=feature_knn_ranks", "experiment=real_people")
    assert {"model.features=[trajectory,spectra]", "model.n_neighbors=5", "data.manifest=???"} <= set(rows)
    assert {row.partition("=")[0] for row in rows}.isdisjoint({"model.latent_dim", "data.manifest.preset"})
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", ["model=feature_knn_ranks", "data=manifest"]), resolve=False)
    assert isinstance(config, dict)
    listed = {row.partition("=")[0] for row in rows if "." in row.partition("=")[0] and not row.startswith("hydra.")}
    keys = {key for key in flatten(config) if "." in key and "_target_" not in key}
    assert listed - {"data.pose_format"} == keys


def test_null_for_a_group_is_refused_with_the_allowed_words(tmp_path: Path) -> None:
    done = python(tmp_path, TRAIN_PY, "logger=null")
    assert (done.returncode, done.stderr) == (
        1,
        "logger=null; allowed: csv, mlflow, tensorboard, wandb, or ~logger for none\n",
    )


@pytest.mark.parametrize("words", [("model=[pca,knn]",), ("trainer=[cpu, debug]",), ("-m", "+experiment=[paper]")])
def test_a_list_for_a_group_is_refused_with_the_way_to_sweep_it(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    group, value = words[-1].lstrip("+").split("=")
    with pytest.raises(SystemExit) as end:
        check_arguments(words)
    assert str(end.value.code).startswith(f"{words[-1]}; allowed: one of ")
    assert str(end.value.code).endswith(f"-m {group}={value.strip('[]').replace(' ', '')} runs each of them")
    with pytest.raises(SystemExit, match="~trainer: a run needs one of cpu, ddp, debug, default, gpu"):
        check_arguments(["~trainer"])
    check_arguments(
        ["~callbacks", "~optimizer", "logger=[csv,wandb]", "callbacks=[default]", "data.maps.channels=[left,body]"]
    )


def test_a_run_prints_its_auroc_and_the_path_of_its_report(task: Path, tmp_path: Path) -> None:
    done = python(tmp_path, TRAIN_PY, *QUICK, "model=ae", "data.window_stride=8", f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    assert "Callback" not in done.stderr  # Hydra only warns of a callback that failed, such as the check of the folder
    (folder,) = tmp_path.glob("outputs/runs/*/*_ae")
    auroc = json.loads((folder / "metrics.json").read_text())["auroc"]
    assert f"{auroc:.3f}" in done.stdout
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert figures == {"roc", "precision_recall", "scores", "histogram", "reconstructions", "latents"}
    assert struct.unpack(">II", (folder / "figures" / "roc.png").read_bytes()[16:24]) == (920, 920)  # 4.6 in, 200 dpi
    assert str(folder.relative_to(tmp_path) / "report.html") in done.stdout.replace("\n", "")


@pytest.mark.slow
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

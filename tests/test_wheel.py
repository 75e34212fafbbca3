"""The wheel, built and installed in an environment of its own, works from any folder.

Installing PyTorch again would take minutes, so the environment finds the dependencies of the tests' one by a .pth file:
a path named there is searched, but the .pth files in it are not followed, which hides the editable install of skelmap.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import skelmap
from hydra_config import ROOT
from skelmap.cli import COMMANDS
from synthetic_videos import write_video

pytestmark = pytest.mark.slow
QUICK = ("data=manifest", "data.seq_len=8", "trainer.max_epochs=1", "trainer=cpu")
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=120)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run a program of the environment in an empty folder, which is the same for all commands."""
    environment, folder = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("elsewhere")
    venv.create(environment)
    site = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, timeout=120)

    def run(program: str, *arguments: str, folder: Path = folder) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("WANDB_")}
        done = subprocess.run(
            [str(environment / "bin" / program), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            env={**inherited, "HOME": str(folder), "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return done

    where = run("python", "-c", "import skelmap; print(skelmap.__file__)").stdout
    assert Path(where.strip()).is_relative_to(site)
    return run


@pytest.fixture(scope="module")
def run_folder(command: Command, task: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    command("skelmap", "train", "model=ae", f"data.manifest={task}", *QUICK, f"hydra.run.dir={folder}")
    return folder


def test_the_wheel_has_the_configuration_the_types_and_the_command(wheel: Path) -> None:
    assert wheel.name == f"skelmap-{skelmap.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entries = archive.read(f"skelmap-{skelmap.__version__}.dist-info/entry_points.txt").decode()
    assert {f"skelmap/{path.relative_to(ROOT)}" for path in ROOT.glob("conf/**/*.yaml")} <= names
    sources = (path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {str(path.relative_to(ROOT / "src")) for path in sources} <= names
    assert "skelmap/py.typed" in names and "skelmap = skelmap.cli:main" in entries


def test_both_commands_show_the_same_help(command: Command) -> None:
    text = command("skelmap", "--help").stdout
    assert text == command("python", "-m", "skelmap").stdout
    assert all(f"  {name} " in text for name in COMMANDS)
    assert "* model=lstm_vae" in command("skelmap", "train", "--help").stdout


def test_recordings_are_checked(command: Command, task: Path, tmp_path: Path) -> None:
    command("skelmap", "check", str(task), "--out", str(tmp_path / "check.html"))
    assert (tmp_path / "check.html").stat().st_size > 10_000


def test_a_run_trains_and_evaluates(run_folder: Path) -> None:
    assert 0 <= json.loads((run_folder / "metrics.json").read_text())["auroc"] <= 1
    assert (run_folder / "report.html").stat().st_size > 10_000


def test_a_sweep_is_compared(command: Command, task: Path, tmp_path: Path) -> None:
    sweep = ("-m", "model=pca,mean_template", f"data.manifest={task}", *QUICK, f"hydra.sweep.dir={tmp_path}")
    command("skelmap", "train", *sweep)
    page = tmp_path / "comparison" / "comparison.html"
    page.unlink()
    command("skelmap", "compare", str(tmp_path))
    assert "Comparison of model" in page.read_text()


def test_a_run_is_exported_and_monitored(command: Command, run_folder: Path, task: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the export needs the extra onnx")
    command("skelmap", "export", str(run_folder), "--out", str(tmp_path / "onnx"))
    watch = (f"checkpoint={tmp_path}/onnx", f"source={task}", "false_alarms_per_hour=3600")
    command("skelmap", "monitor", *watch, f"output={tmp_path}/watched")
    assert json.loads((tmp_path / "watched" / "monitor.json").read_text())["events"]["events"] == 2
    assert list((tmp_path / "watched").glob("*.webm"))


def test_the_example_of_an_own_project_trains_and_is_monitored(command: Command, task: Path, tmp_path: Path) -> None:
    lab = Path(shutil.copytree(ROOT / "examples" / "my_lab", tmp_path / "lab"))
    small = (*QUICK, "model.hidden_size=16", f"data.manifest={task}", "hydra.run.dir=run", "--config-dir", "conf")
    command("skelmap", "train", "experiment=gru", *small, folder=lab)
    metrics = json.loads((lab / "run" / "metrics.json").read_text())
    assert metrics["model"] == "GRU autoencoder"
    first = json.loads((lab / "run" / "log.jsonl").read_text().splitlines()[1])
    assert first["train/gradient_norm"] > 0
    assert (lab / "run" / "figures" / "score_by_clip.png").exists()
    watch = (
        "monitor",
        "checkpoint=run",
        f"source={task}",
        "false_alarms_per_hour=3600",
        "save_video=false",
        "evidence.seconds=null",
    )
    command("python", "-m", "skelmap", *watch, "trust=my_lab", "output=watched", folder=lab)
    assert json.loads((lab / "watched" / "monitor.json").read_text())["events"]["events"] == 2
    command("skelmap", "export", "run", "--trust", "my_lab", folder=lab)
    assert (lab / "run" / "onnx" / "model.onnx").exists()


def test_simulated_recordings_are_written_and_shown(command: Command, task: Path, tmp_path: Path) -> None:
    size = ("--preset", "large", "--workers", "4", "--minutes", "0.1")
    command("skelmap", "simulate", "--out", str(tmp_path / "simulated"), *size)
    assert (tmp_path / "simulated" / "manifest.csv").exists()
    command("skelmap", "show", str(task), "val", "--film", str(tmp_path / "clip.gif"), "--frames", "20")
    assert (tmp_path / "clip.gif").stat().st_size > 1000


def test_hyperparameters_are_tuned(command: Command, task: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="tuning needs the extra tune")
    fixed = ("model=ae", f"data.manifest={task}", *QUICK)
    space = str(ROOT / "conf" / "space" / "frames.yaml")
    command("skelmap", "tune", *fixed, "--space", space, "--trials", "1", "--folder", str(tmp_path))
    assert list(tmp_path.iterdir())


def test_videos_become_clips(command: Command, mediapipe_stand_in: None, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    command("skelmap", "extract", "--normal", str(video), "--out", str(tmp_path / "site"))
    assert (tmp_path / "site" / "manifest.csv").exists()

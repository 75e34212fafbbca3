"""Files of others run no code and delete nothing; no secret is written; names in pages are text."""

import os
import pickle
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from cli_runs import TRAIN_PY, python
from hydra_config import Compose, check, compose_train
from skelmap import models
from skelmap.comparison.comparison import compare_runs
from skelmap.comparison.write import write_comparison
from skelmap.monitor.scorers import open_scorer
from skelmap.skeletons.archives import write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_manifest

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")


# --- code ------------------------------------------------------------------------------------------------------


class Exploding:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.mark}'",)


def pickled(path: Path, evil: Exploding, good: dict[str, Any]) -> None:
    path.write_bytes(pickle.dumps(evil))


def in_weights(path: Path, evil: Exploding, good: dict[str, Any]) -> None:
    torch.save({**good, "state_dict": {**good["state_dict"], "evil": evil}}, path)


def in_hyperparameters(path: Path, evil: Exploding, good: dict[str, Any]) -> None:
    torch.save({**good, "hyper_parameters": {**good["hyper_parameters"], "latent_dim": evil}}, path)


@pytest.fixture(scope="module")
def first(task: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    paths = (f"paths.output_dir={folder}", f"paths.cache_dir={shared_cache}")
    run(compose_train(*QUICK, "model=ae", f"data.manifest={task}", *paths))
    return folder


@pytest.fixture
def checkpoint(first: Path) -> dict[str, Any]:
    """Content of its last checkpoint."""
    content: dict[str, Any] = torch.load(first / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "use"),
    [(pickled, "train=false"), (in_weights, "train=false"), (in_hyperparameters, "trainer.max_epochs=2")],
)
def test_a_malicious_checkpoint_runs_no_code(
    hidden: Any, use: str, task: Path, checkpoint: dict[str, Any], compose: Compose, tmp_path: Path
) -> None:
    path = tmp_path / "evil.ckpt"
    hidden(path, Exploding(tmp_path / "ran"), checkpoint)
    with pytest.raises(UserError, match=r"evil\.ckpt: not a checkpoint of this program \(") as error:
        run(compose(*QUICK, "model=ae", f"data.manifest={task}", f"ckpt_path={path}", use))
    assert not (tmp_path / "ran").exists()
    assert "weights_only" not in str(error.value)  # torch advises to load it anyway


@pytest.mark.slow
@pytest.mark.parametrize("address", ["local://{}/victim", "{}/run/checkpoints/../../victim"])
def test_resuming_from_a_malicious_checkpoint_deletes_nothing(
    address: str, task: Path, checkpoint: dict[str, Any], compose: Compose, tmp_path: Path
) -> None:
    """Lightning deletes the file or folder that a checkpoint names as its last best one."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("years of work")
    named = address.format(tmp_path)
    for state in checkpoint["callbacks"].values():
        if "best_model_path" in state:
            state |= dict.fromkeys(("best_model_path", "kth_best_model_path", "last_model_path"), named)
            state |= {"best_k_models": {named: torch.tensor(1e9)}, "dirpath": str(tmp_path / "run" / "checkpoints")}
    torch.save(checkpoint, tmp_path / "other.ckpt")
    resuming = (f"ckpt_path={tmp_path}/other.ckpt", "trainer.max_epochs=2")
    run(compose(*QUICK, "model=ae", f"data.manifest={task}", *resuming))
    assert (victim / "thesis.txt").read_text() == "years of work"


CALLS: list[dict[str, Any]] = [
    {"_target_": "os.system"},
    {"_target_": ["os.system"]},
    {"_target_": "pathlib.Path.unlink"},
    {"_target_": "skelmap.models.baselines.np.load"},
    {"_target_": "skelmap.models.ae.AE"},
    {"_target_": "skelmap.models.AE.load_from_checkpoint"},
    {"_target_": "skelmap.training.run_dir.subprocess.run"},
    {"_target_": "my_lab.Evil"},
    {"latent_dim": {"_target_": "shutil.rmtree", "path": "x"}},
    {"channels": [8, {"_target_": "os.system", "command": "touch ran"}]},
    {"score": "${oc.create:{_target_:os.system,command:'touch ran'}}"},
]
"""Values of `model` in a run folder."""


@pytest.fixture
def changed_run(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Path]:
    """A function that copies the finished run and changes the model of its configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def change(values: dict[str, Any]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(first, folder)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"] |= values
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return folder

    return change


@pytest.mark.parametrize("values", CALLS, ids=str)
def test_a_run_folder_names_only_registered_models(values: dict[str, Any], changed_run: Any, tmp_path: Path) -> None:
    (tmp_path / "my_lab.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    with pytest.raises(UserError, match=r"trust=|does not fit its config|allowed: "):
        open_scorer(changed_run(values))
    assert not (tmp_path / "ran").exists()


OWN_MODEL = """
import os
from torch import nn
from skelmap.models import AE
class Own(AE):
    def __init__(self, loss=None, **more):
        super().__init__(**more)
        self.save_hyperparameters(ignore=["loss", "map_channels"], logger=False)
class Loss:
    def __init__(self, weight=1):
        assert weight == 2
"""


@pytest.mark.parametrize("loss", [None, {"_target_": "my_own.Loss", "weight": 2}])
def test_a_run_folder_may_name_classes_of_a_trusted_package(loss: Any, changed_run: Any, tmp_path: Path) -> None:
    (tmp_path / "my_own.py").write_text(OWN_MODEL)
    run_folder = changed_run({"_target_": "my_own.Own", "loss": loss})
    assert type(open_scorer(run_folder, ["my_own"]).model).__name__ == "Own"  # type: ignore[attr-defined]
    with pytest.raises(
        UserError, match=r"config\.yaml: model\._target_=my_own\.Own: .*trust=my_own \(skelmap export: --trust my_own\)"
    ):
        open_scorer(run_folder, ["my"])


@pytest.mark.parametrize("target", ["my_own.os.system", "my_own.nn.Module", "os.system", "my_own.print"])
def test_what_a_trusted_package_imports_is_not_trusted(target: str, changed_run: Any, tmp_path: Path) -> None:
    (tmp_path / "my_own.py").write_text(OWN_MODEL)
    evil = {"_target_": target, "command": f"touch {tmp_path}/ran"}
    with pytest.raises(UserError, match=r"model\.loss\._target_="):
        open_scorer(changed_run({"_target_": "my_own.Own", "loss": evil}), ["my_own"])
    assert not (tmp_path / "ran").exists()


def test_exported_models_are_the_registered_ones() -> None:
    exported = {name for name in vars(models) if re.fullmatch(r"[A-Z]\w*", name)}
    assert exported == set(models.__all__)  # nothing that its modules import


@pytest.mark.slow
def test_a_malicious_run_in_a_comparison_runs_no_code_and_shows_no_other_file(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKELMAP_TEST_VALUE", "value of the environment")
    shutil.copytree(first, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    evil = f"evil:\n  _target_: os.system\n  command: touch {tmp_path}/ran\n  seen: ${{oc.env:SKELMAP_TEST_VALUE}}\n"
    config.write_text(config.read_text() + evil)
    picture = tmp_path / "run" / "figures" / "scores.png"
    picture.unlink()
    picture.symlink_to("/etc/passwd")
    page = write_comparison(compare_runs(tmp_path / "run")).read_text(encoding="utf-8")
    assert not (tmp_path / "ran").exists()
    assert "value of the environment" not in page and "score over the frames" not in page


# --- secrets ---------------------------------------------------------------------------------------------------

KEY = "0123456789abcdef0123456789abcdef01234567"


def test_a_secret_on_the_command_line_is_refused_and_not_written(tmp_path: Path) -> None:
    """Hydra would write it to .hydra/ and name the folder of a sweep after it."""
    done = python(tmp_path, TRAIN_PY, "-m", f"+wandb_api_key={KEY}", "seed=0,1")
    assert done.returncode == 1 and "give secrets in the environment" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_secret_in_a_configuration_is_refused(compose: Compose) -> None:
    with pytest.raises(UserError, match=r"logger\.api_key is named like a secret") as error:
        check(compose("data=manifest", "data.manifest=x.csv", f"+logger.api_key={KEY}"))
    assert KEY not in str(error.value)


@pytest.mark.slow
def test_a_run_writes_no_secret(task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    note = "+note='${oc.env:WANDB_API_KEY} rtsp://me:hunter2@camera/'"
    run(compose(*QUICK, "model=mean_template", f"data.manifest={task}", note))
    written = [p for p in (tmp_path / "run").rglob("*") if p.is_file()]
    assert {"report.html", "config.yaml", "metrics.json"} <= {p.name for p in written}
    assert not [p for p in written if KEY.encode() in p.read_bytes() or b"hunter2" in p.read_bytes()]


# --- pages -----------------------------------------------------------------------------------------------------

EVIL = """"><script>alert(1)</script>'`{{7*7}}<img src=x onerror=alert(1)>"""


class Tags(HTMLParser):
    """Collects tags and attributes that a browser would execute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "link"):
            self.active.append(tag)
        self.active += [
            name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript")
        ]


@pytest.mark.slow
def test_names_from_data_are_text_in_pages(compose: Compose, tmp_path: Path) -> None:
    folder = tmp_path / EVIL.replace("/", "_")
    folder.mkdir()
    lines = []
    for i, split in enumerate(("train", "test")):
        write_clip(folder / f"{i}.npz", make_clip(wave(30, i)))
        lines.append(
            [f"{EVIL}{i}", f"{i}.npz", split, f"{EVIL}{split}", "10-20" * (split == "test"), f"{EVIL}:0-30"[-64:]]
        )
    manifest = write_manifest(folder, lines)
    cfg = compose(*QUICK, "model=mean_template", "data.manifest=x.csv")
    cfg.data.manifest = str(manifest)
    run(cfg)
    for page in (tmp_path / "run" / "report.html", write_comparison(compare_runs(tmp_path / "run"))):
        text = page.read_text(encoding="utf-8")
        assert Tags(text).active == [], page
        assert "{{7*7}}" in text or "49" not in text

"""A run is trained again with reviewed alarms, into a new folder."""

import csv
import hashlib
import json
import logging
from pathlib import Path

import pytest

from skelmap.cli import main
from skelmap.monitor.web.alarm_index import AlarmIndex
from skelmap.skeletons.archives import read_archive, write_clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.utils.errors import UserError

pytestmark = pytest.mark.slow  # it trains twice


def digest(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def add_alarm(folder: Path, identity: str, clip: Path | None) -> None:
    record = {"id": identity, "state": "ended", "start": 1.0, "end": 2.0, "clock": ""}
    (folder / "alarms").mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    if clip is not None:
        write_clip(folder / f"alarms/{identity}.npz", read_archive(clip, identity))


def test_refit_adds_reviewed_alarms_and_overwrites_nothing(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, gate, out = trained / "run", tmp_path / "site/gate", tmp_path / "new"
    clip = read_manifest(trained / "task/manifest.csv").split("train")[0].path
    monkeypatch.chdir(tmp_path)
    command = [
        "refit",
        str(run),
        "--reviews",
        str(tmp_path / "site"),
        "--out",
        str(out),
        "--false-alarms-per-hour",
        "800",
    ]
    add_alarm(gate, "a", clip)
    add_alarm(gate, "gone", None)
    with pytest.raises(SystemExit, match="no alarm there is marked right or false"):
        main(command)
    index = AlarmIndex(gate)
    index.review("a", "false", "carried a ladder")
    index.review("gone", "false")
    before = digest(run)
    with caplog.at_level(logging.WARNING):
        main(command)
    assert digest(run) == before and "1 reviewed alarms have no clip any more" in caplog.text
    (example,) = csv.DictReader((out / "reviews/examples.csv").open())
    assert (example["clip"], example["abnormal"]) == ("gate_a", "")
    report = json.loads((out / "refit.json").read_text())
    assert report["alarms"] == 1 and report["after"]["threshold"] > 0
    assert "false alarms, raised again" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="is not empty; refit writes a new run"):
        main(command)
    index.review("a", "right")
    with pytest.raises(SystemExit, match="learns from normal windows only"):
        main([*command[:5], str(tmp_path / "other"), *command[6:]])


def test_a_configuration_that_names_other_classes_is_refused(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for path in (trained / "run").iterdir():
        if path.is_file() or path.name == "checkpoints":
            (run / path.name).symlink_to(path)
    text = (trained / "run/config.yaml").read_text()
    (run / "config.yaml").unlink()
    (run / "config.yaml").write_text(text.replace("pytorch_lightning.Trainer", "os.system"))
    add_alarm(tmp_path / "gate", "a", read_manifest(trained / "task/manifest.csv").split("train")[0].path)
    AlarmIndex(tmp_path / "gate").review("a", "false")
    from skelmap.monitor.refit import refit

    with pytest.raises(UserError, match=r"trainer\._target_=os\.system; allowed: classes of conf/"):
        refit(run, tmp_path / "gate", tmp_path / "new", 800)

"""`skelmap site`: checks before anything starts; processes are restarted, and end with the supervisor."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from hydra_config import ROOT
from skelmap.cli import main
from skelmap.monitor.schedule import is_scheduled, parse_schedule
from skelmap.monitor.site_config import read_site
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_openpose


@pytest.fixture
def site(tmp_path: Path, trained: Path) -> Callable[..., Path]:
    """Write a site of two followed folders, with a change of its text."""

    def write(old: str = "", new: str = "") -> Path:
        folder = tmp_path / "it's 1"
        folder.mkdir(exist_ok=True)
        keys = f'source: "{folder}", follow: true, threshold: -1'
        text = f"""output: {tmp_path}/out
defaults: {{checkpoint: {trained}/run, save_video: false, evidence: {{seconds: null}}}}
cameras:
  gate: {{{keys}, webhook: "http://me:pw-9@127.0.0.1:9/x"}}
  hall 2: {{{keys}, schedule: 00:00-24:00}}
"""
        (tmp_path / "site.yaml").write_text(text.replace(old, new))
        return tmp_path / "site.yaml"

    return write


def test_a_site_is_checked_and_accounts_are_not_arguments(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["site", str(site()), "--check"])
    assert capsys.readouterr().out.endswith("site.yaml: cameras gate, hall 2\n")
    gate, hall = read_site(site()).cameras
    assert gate.environment == {"SKELMAP_SITE_WEBHOOK": "http://me:pw-9@127.0.0.1:9/x"}
    assert not any("pw-9" in argument for argument in gate.arguments)
    assert gate.output.parent == hall.output.parent and not gate.schedule and len(hall.schedule) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hall 2:", "gate:", r"site\.yaml, line \d+: gate is there twice"),
        ("hall 2:", "GATE:", "cameras gate and GATE share a folder"),
        ("threshold:", "treshold:", "camera gate: There is no key treshold; did you mean threshold"),
        ("seconds: null", "second: 1", r"camera gate: .*second"),
        ("follow: true", "follow: maybe", "camera gate: follow=maybe; allowed: true or false"),
        ("it's 1", "nowhere", "camera gate: source=.*nowhere: no such file or folder"),
        ("/run", "/rum", "camera gate: .*rum: not the folder of a finished run"),
        ("00:00-24:00", "25:00-26:00", "camera hall 2: schedule '25:00-26:00'; allowed: times of day"),
        ("threshold:", "name: x, threshold:", "camera gate: name: the site sets it"),
        ("cameras:", "kameras:", "There is no key kameras; did you mean cameras"),
        ("output:", "web: {prot: 1}\noutput:", "web: There is no key prot; did you mean port"),
        ("cameras:", "cameras: [", "not YAML"),
    ],
)
def test_mistakes_are_named_before_anything_starts(
    old: str, new: str, message: str, site: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        read_site(site(old, new))
    assert not (tmp_path / "out").exists()


def test_a_schedule_has_days_and_passes_midnight() -> None:
    spans = parse_schedule(["fri-sat 22:00-06:00", "wed 12:00-13:00"])
    week = [datetime(2026, 11, 23) + timedelta(hours=hour) for hour in range(7 * 24)]
    saturday, sunday = (*range(6), 22, 23), range(6)
    watched = {"Wed 12", "Fri 22", "Fri 23", *(f"Sat {hour:02}" for hour in saturday), *(f"Sun {h:02}" for h in sunday)}
    assert {f"{time:%a %H}" for time in week if is_scheduled(spans, time)} == watched
    assert is_scheduled((), week[0]) and all(is_scheduled(parse_schedule(["00:00-24:00"]), time) for time in week)


@contextmanager
def growing(folder: Path) -> Iterator[None]:
    """Write frames into a folder at 30 a second."""
    write_openpose(folder.with_name("all"), make_clip(wave(300), "cam"))
    frames, stopped = sorted(folder.with_name("all").iterdir()), threading.Event()

    def write() -> None:
        for number in itertools.count():
            if stopped.wait(1 / 30):
                return
            partial = folder / "partial"
            partial.write_bytes(frames[number % len(frames)].read_bytes())
            partial.rename(folder / f"cam_{number:012d}_keypoints.json")

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stopped.set()
    thread.join()


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_monitor_is_restarted_and_a_killed_supervisor_loses_no_event(
    site: Callable[..., Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        command = [sys.executable, "-u", "-m", "skelmap", "site", str(site())]
        supervisor = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        out = read_site(site()).cameras
        events = [camera.output / "events.jsonl" for camera in out]
        with growing(tmp_path / "it's 1"):
            wait(lambda: all(path.exists() and path.read_text() for path in events))
        gate, hall = sorted(psutil.Process(supervisor.pid).children(), key=lambda p: 'name="hall 2"' in p.cmdline())
        gate.kill()
        wait(lambda: log.read_text().count("gate: started") == 2)
        assert "gate: killed by SIGKILL" in log.read_text() and "hall 2: killed" not in log.read_text()
        children = psutil.Process(supervisor.pid).children()
        supervisor.kill()
        psutil.wait_procs(children, timeout=60)
        assert not any(child.is_running() for child in children)
        assert hall.pid in {child.pid for child in children}
        states = [json.loads(line)["state"] for line in events[1].read_text().splitlines()]
        assert states.count("raised") == states.count("ended") > 0  # SIGTERM completed the files
    finally:
        supervisor.kill()
        supervisor.wait()


def test_the_files_for_containers_name_commands_and_files_that_exist() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert service["command"][0] == "site" and service["init"] and service["restart"] == "unless-stopped"
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert copied and all((ROOT / name).exists() for name in copied)

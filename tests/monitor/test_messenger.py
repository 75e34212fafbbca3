"""Alarms leave the machine by a command of the user's own, which never holds up watching."""

import json
import sys
import time
from pathlib import Path

import pytest
from seen import Given, event, verdict
from test_loop import RULE, Heard, Height, nodding
from watching import monitor

from skelmap.monitor import alarm_hook as messenger_module
from skelmap.monitor.alarm_hook import AlarmHook, run
from skelmap.monitor.app import watch
from skelmap.monitor.runner import Monitor
from skelmap.utils.errors import UserError


def told(messenger: AlarmHook, alarms: int = 1) -> str:
    """What is wrong after so many alarms, each raised and ended."""
    messenger.begin(Given([], "gate"))
    for number in range(alarms):
        messenger.event(event(ended=False, start=number))
        messenger.event(event(ended=True, start=number))
    messenger.close()
    return messenger.trouble


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_each_raised_alarm_is_passed_on_as_json(tmp_path: Path) -> None:
    keep = script(tmp_path / "keep.sh", 'cat >> "$1"')
    assert told(AlarmHook([keep, f"{tmp_path}/it's $HOME; here"], 0.8), 3) == ""
    lines = [json.loads(line) for line in (tmp_path / "it's $HOME; here").read_text().splitlines()]
    assert [line["start"] for line in lines] == [0, 1, 2]
    assert {(line["source"], line["state"], line["threshold"]) for line in lines} == {("gate", "raised", 0.8)}
    assert lines[0]["joints"] == ["left_wrist", "nose"] and lines[0]["clock"].startswith("2026-01-02")


def test_what_goes_wrong_is_said_and_each_alarm_that_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messenger_module, "LIMIT", 0.5)
    failing = script(tmp_path / "fail.sh", "echo no route >&2; exit 3")
    assert told(AlarmHook([failing], 0.8), 2).endswith("fail.sh: exit code 3 (no route); alarms not passed on: 2")
    missing = AlarmHook(["nothing-of-this-name"], 0.8)
    assert missing.trouble == "command nothing-of-this-name: there is no such program"  # before any alarm
    assert "no such file" in told(missing)
    assert "permission denied" in told(AlarmHook([str(tmp_path)], 0.8))
    began = time.monotonic()
    assert run(["sleep", "60"], b"") == "ended after 0.5 s, which is the limit"
    left = script(tmp_path / "left.sh", "sleep 60 & exit 0")
    assert run([left], b"x" * 1_000_000) == "" and time.monotonic() - began < 5


def test_a_slow_command_delays_nothing_and_more_alarms_than_can_wait_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messenger_module, "LIMIT", 0.5)
    monkeypatch.setattr(messenger_module, "WAITING", 2)
    messenger = AlarmHook(["sleep", "60"], 0.8)
    messenger.begin(Given([], "gate"))
    began = time.monotonic()
    for number in range(20):
        messenger.event(event(ended=False, start=number))
        messenger.frame(verdict(number), 1.0)
    assert time.monotonic() - began < 0.3
    assert "2 alarms wait for it already" in messenger.trouble
    messenger.close()
    assert time.monotonic() - began < 3


def test_a_failure_is_heard_by_everybody_and_watching_goes_on() -> None:
    heard = Heard()
    seen = [nodding(n, up=n % 60 < 30) for n in range(240)]

    class Slowly(Given):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for one in self.seen:
                time.sleep(0.005)
                yield one

    command = AlarmHook([sys.executable, "-c", "raise SystemExit('no mail today')"], RULE.on)
    Monitor(Height(), RULE, [command, heard]).run([Slowly(seen)])
    assert len(heard.frames) == 240 and sum(not one.ended for one in heard.events) == 4
    assert "exit code 1 (no mail today); alarms not passed on: 1" in heard.troubles[0][0]


def test_the_monitor_runs_it(trained: Path, tmp_path: Path) -> None:
    keep = script(tmp_path / "keep.sh", f"cat >> {tmp_path}/kept")
    words = (f"source={trained}/task/manifest.csv", "threshold=1e-3", "video=false")
    watch(monitor(trained, tmp_path / "out", *words, f"command=[{keep}]"))
    events = (tmp_path / "out/events.jsonl").read_text().splitlines()
    raised = [line for line in events if '"state": "raised"' in line]
    assert (tmp_path / "kept").read_text().splitlines() == raised and len(raised) == 2
    for wrong in ("command=[]", "command=mail", "command=[[a]]"):
        with pytest.raises(UserError, match=r"command=.*allowed: null or a list of words"):
            watch(monitor(trained, tmp_path / "other", *words, wrong))

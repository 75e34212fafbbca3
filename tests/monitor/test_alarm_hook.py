"""The alarm hook runs a command for each alarm and never delays the monitor."""

import json
import sys
import time
from pathlib import Path

import pytest

from monitor_config import compose_monitor
from monitor_events import RULE, ListSource, NoseHeightScorer, RecordingSink, alarm_event, frame_result, pose_frame
from skelmap.monitor.alarm_hook import AlarmHook, run_command
from skelmap.monitor.app import run_monitor
from skelmap.monitor.runner import Monitor
from skelmap.utils.errors import UserError


def error_after(hook: AlarmHook, alarms: int = 1) -> str:
    """The hook's error after a number of alarms, each raised and ended."""
    hook.on_source_start(ListSource([], "gate"))
    for number in range(alarms):
        hook.on_event(alarm_event(ended=False, start=number))
        hook.on_event(alarm_event(ended=True, start=number))
    hook.close()
    return hook.error


def write_script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_each_raised_alarm_is_passed_as_json(tmp_path: Path) -> None:
    script = write_script(tmp_path / "keep.sh", 'cat >> "$1"')
    assert error_after(AlarmHook([script, f"{tmp_path}/it's $HOME; here"], 0.8), 3) == ""
    lines = [json.loads(line) for line in (tmp_path / "it's $HOME; here").read_text().splitlines()]
    assert [line["start"] for line in lines] == [0, 1, 2]
    assert {(line["source"], line["state"], line["threshold"]) for line in lines} == {("gate", "raised", 0.8)}
    assert lines[0]["joints"] == ["left_wrist", "nose"] and lines[0]["clock"].startswith("2026-01-02")


def test_failed_calls_are_reported_with_their_cause_and_counted(tmp_path: Path) -> None:
    failing = write_script(tmp_path / "fail.sh", "echo no route >&2; exit 3")
    assert error_after(AlarmHook([failing], 0.8), 2).endswith("fail.sh: exit code 3 (no route); failed calls: 2")
    missing = AlarmHook(["nothing-of-this-name"], 0.8)
    assert missing.error == "on_alarm=nothing-of-this-name: no such program"  # before any alarm
    assert "no such file" in error_after(missing)
    assert "permission denied" in error_after(AlarmHook([str(tmp_path)], 0.8))


def test_a_command_is_killed_after_its_time_limit_and_background_children_are_not_awaited(tmp_path: Path) -> None:
    start = time.monotonic()
    assert run_command(["sleep", "60"], b"", timeout=0.5) == "killed after the time limit of 0.5 s"
    script = write_script(tmp_path / "background.sh", "sleep 60 & exit 0")
    assert run_command([script], b"x" * 1_000_000) == "" and time.monotonic() - start < 30


def test_a_slow_command_does_not_delay_frames_and_excess_alarms_are_dropped() -> None:
    hook = AlarmHook(["sleep", "60"], 0.8, timeout=0.5, max_pending=2)
    hook.on_source_start(ListSource([], "gate"))
    start = time.monotonic()
    for number in range(20):
        hook.on_event(alarm_event(ended=False, start=number))
        hook.on_frame(frame_result(number), 1.0)
    assert time.monotonic() - start < 4  # 20 times 0.5 s, if an alarm waited for the command
    assert "2 alarms are already waiting" in hook.error
    hook.close()
    assert time.monotonic() - start < 30


def test_a_failure_is_reported_to_all_sinks_and_the_monitor_continues() -> None:
    class WaitingSource(ListSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from self.items[:60]
            limit = time.monotonic() + 60
            while not hook.error and time.monotonic() < limit:
                time.sleep(0.01)
            yield from self.items[60:]

    sink = RecordingSink()
    hook = AlarmHook([sys.executable, "-c", "raise SystemExit('no mail today')"], RULE.on)
    frames = [pose_frame(n, nose_up=n % 60 < 30) for n in range(240)]
    Monitor(NoseHeightScorer(), RULE, [hook, sink]).run([WaitingSource(frames)])
    assert len(sink.results) == 240 and sum(not event.ended for event in sink.events) == 4
    assert "exit code 1 (no mail today); failed calls: 1" in sink.statuses[0][0]


def test_the_key_on_alarm_runs_a_command(trained: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path / "keep.sh", f"cat >> {tmp_path}/kept")
    overrides = (f"source={trained}/task/manifest.csv", "threshold=1e-3", "save_video=false", "evidence.seconds=null")
    run_monitor(compose_monitor(trained / "run", tmp_path / "out", *overrides, f"on_alarm=[{script}]"))
    events = (tmp_path / "out/events.jsonl").read_text().splitlines()
    raised = [line for line in events if '"state": "raised"' in line]
    assert (tmp_path / "kept").read_text().splitlines() == raised and len(raised) == 2
    for wrong in ("on_alarm=[]", "on_alarm=mail", "on_alarm=[[a]]"):
        with pytest.raises(UserError, match=r"on_alarm=.*allowed: null or a list of words"):
            run_monitor(compose_monitor(trained / "run", tmp_path / "other", *overrides, wrong))

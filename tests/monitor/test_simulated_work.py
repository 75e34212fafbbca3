"""A model of simulated normal work gives alarms at simulated abnormal work, and about as many false ones as it said."""

import json
from pathlib import Path

import pytest
from watching import monitor

from hydra_config import Compose
from skelmap.monitor.app import watch
from skelmap.simulation.dataset import simulate_dataset
from skelmap.training.run import run

PER_HOUR = 60


@pytest.mark.slow
def test_alarms_at_abnormal_work_and_false_alarms_as_stated(compose: Compose, tmp_path: Path) -> None:
    manifest = simulate_dataset(tmp_path / "data", preset="large", seed=3, workers=5, minutes=1)
    run(compose("model=neighbours", "data=manifest", f"data.manifest={manifest}", "trainer=cpu", "data.stride=5"))
    words = (f"source={manifest}", f"false_alarms_per_hour={PER_HOUR}", "video=false")
    watch(monitor(tmp_path, tmp_path / "out", *words))
    content = json.loads((tmp_path / "out/monitor.json").read_text())
    normal, events = content["normal_validation"], content["events"]
    assert normal["false_alarms"] <= PER_HOUR * normal["hours"] + 1e-9
    assert events["detected"] >= 1
    assert events["false_alarms_per_hour"] <= normal["per_hour_interval"][1]

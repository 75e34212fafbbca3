"""A model of simulated normal actions: abnormal ones raise alarms, and false alarms are as frequent as stated."""

import json
from pathlib import Path

import pytest

from hydra_config import Compose
from monitor_config import compose_monitor
from skelmap.monitor.app import run_monitor
from skelmap.simulation.dataset import simulate_dataset
from skelmap.training.run import run

PER_HOUR = 60


@pytest.mark.slow
def test_abnormal_actions_raise_alarms_and_the_false_alarm_rate_is_in_the_stated_interval(
    compose: Compose, tmp_path: Path
) -> None:
    manifest = simulate_dataset(tmp_path / "simulated", preset="large", seed=3, workers=5, minutes=1)
    config = compose(
        "model=feature_knn", "data=manifest", f"data.manifest={manifest}", "trainer=cpu", "data.window_stride=5"
    )
    run(config)
    overrides = (f"source={manifest}", f"false_alarms_per_hour={PER_HOUR}", "save_video=false", "evidence.seconds=null")
    run_monitor(compose_monitor(Path(config.paths.output_dir), tmp_path / "out", *overrides))
    content = json.loads((tmp_path / "out/monitor.json").read_text())
    validation, events = content["validation"], content["events"]
    assert validation["false_alarms"] <= PER_HOUR * validation["hours"] + 1e-9
    assert events["detected"] >= 1
    assert events["false_alarms_per_hour"] <= validation["per_hour_interval"][1]

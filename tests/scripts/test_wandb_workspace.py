"""The W&B dashboard without a server: the view that would be sent, and messages to users without an account."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT, Compose
from skelmap.training.config_check import resolve
from skelmap.utils.names import flatten

pytest.importorskip("wandb_workspaces")
pytestmark = pytest.mark.slow  # each starts a process with seconds of imports


def create_dashboard(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_") and k != "NETRC"}
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "wandb_workspace.py"), *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        env={**environment, "HOME": str(home)},
    )


def test_the_dashboard_shows_keys_and_metrics_that_runs_log(tmp_path: Path, compose: Compose) -> None:
    done = create_dashboard(tmp_path, "someone/skelmap", "--dry-run")
    assert done.returncode == 0, done.stderr
    view = json.loads(done.stdout)
    assert (view["entity"], view["project"]) == ("someone", "skelmap")
    panels = [p for s in view["spec"]["section"]["panelBankConfig"]["sections"] for p in s["panels"]]
    by_kind = {kind: [p["config"] for p in panels if p["viewType"] == kind] for kind in {p["viewType"] for p in panels}}

    (parallel,) = by_kind["Parallel Coordinates Plot"]
    assert [column["accessor"] for column in parallel["columns"]] == [
        *("config:data/seq_len.value", "config:model/latent_dim.value", "config:model/hidden_size.value"),
        *("config:data/img_size.value", "summary:val/best_loss", "summary:test/auroc"),
    ]
    logged = flatten(resolve(compose("data=manifest", "data.manifest=x.csv", "model=lstm_vae")), "/")
    asked = set(re.findall(r"config:([^\"]+)\.value", done.stdout))
    assert len(asked) == 4 and asked <= set(logged)

    (bars,) = by_kind["Bar Chart"]
    assert bars["metrics"] == ["test/auroc_low", "test/auroc", "test/auroc_high"]
    assert bars["groupBy"] == "data/img_size.value"
    assert [p["yAxis"] for p in by_kind["Scatter Plot"]] == [f"summary:{metric}" for metric in bars["metrics"]]
    assert {key for p in by_kind["Media Browser"] for key in p["mediaKeys"]} == {
        "figures/scores",
        "figures/reconstructions",
    }
    assert {"test/roc_table", "test/precision_recall_table"} == {
        query["value"]
        for p in by_kind["Vega2"]
        for query in p["userQuery"]["queryFields"][0]["fields"][0]["args"]
        if query["name"] == "tableKey"
    }


def test_users_without_an_account_are_asked_to_log_in(tmp_path: Path) -> None:
    done = create_dashboard(tmp_path, "someone/skelmap")
    assert done.returncode == 1
    assert "wandb login" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("project", ["skelmap", "a/b/c"])
def test_a_project_without_an_owner_is_refused(tmp_path: Path, project: str) -> None:
    done = create_dashboard(tmp_path, project, "--dry-run")
    assert done.returncode == 2 and f"{project}: give ENTITY/PROJECT" in done.stderr

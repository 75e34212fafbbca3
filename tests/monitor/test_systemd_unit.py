"""The systemd unit of the documentation is valid."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_systemd_accepts_the_documented_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (Path(__file__).parents[2] / "docs/monitor.md").read_text()
    unit = re.search(r"```ini\n(.*?)```", text, re.DOTALL)
    assert unit and "Restart=always" in unit[1]
    (tmp_path / "skelmap-gate.service").write_text(unit[1].replace("/opt/skelmap/.venv/bin/skelmap", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "skelmap-gate.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "skelmap-gate" not in done.stderr, done.stderr  # stderr may name other units

"""The systemd unit of the documentation is one."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_systemd_accepts_the_documented_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine")
    text = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()
    unit = re.search(r"```ini\n(.*?)```", text, re.DOTALL)
    assert unit and "Restart=always" in unit[1]
    (tmp_path / "skelmap-gate.service").write_text(unit[1].replace("/opt/skelmap/.venv/bin/python", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "skelmap-gate.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "skelmap-gate" not in done.stderr, done.stderr  # other units may be at fault

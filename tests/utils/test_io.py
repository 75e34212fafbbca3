"""Atomic files."""

from pathlib import Path

import pytest

from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    refused = pytest.raises(UserError, match=r"metrics\.json: cannot be written \(No space left on device\)")
    with refused, atomic_write(path) as file:
        file.write("half of the n")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1

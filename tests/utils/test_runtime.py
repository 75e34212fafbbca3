"""Peak memory of a part of a process."""

import numpy as np
import pytest

from skelmap.utils.runtime import PROC, peak_memory_mb, reset_peak_memory

MB = 10**6


@pytest.mark.skipif(not (PROC / "clear_refs").exists(), reason="only Linux resets the peak memory")
def test_the_peak_is_that_since_the_last_reset() -> None:
    reset_peak_memory()
    begin = peak_memory_mb()
    assert begin
    np.ones(400 * MB, np.uint8)
    assert peak_memory_mb() == pytest.approx(begin + 400, abs=20)
    reset_peak_memory()
    assert peak_memory_mb() == pytest.approx(begin, abs=40)
    np.ones(100 * MB, np.uint8)
    assert peak_memory_mb() == pytest.approx(begin + 100, abs=60)


def test_the_peak_is_none_where_the_system_does_not_reset_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelmap.utils.runtime.PROC", PROC / "nothing")
    reset_peak_memory()
    assert peak_memory_mb() is None

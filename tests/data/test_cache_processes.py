"""Two processes that need the same cache build it once."""

import os
import subprocess
import sys
from pathlib import Path

BUILDER = """
import logging, sys, time
from pathlib import Path
from skelmap.data import cache
from skelmap.data.cache import Clock, open_cache
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip

class Waiting(logging.StreamHandler):
    def emit(self, record):
        super().emit(record)
        if "waiting for another process" in record.getMessage():
            (folder / "waiting").touch()

def read_slowly(*args):
    while not (folder / "waiting").exists():
        time.sleep(0.01)
    return read_clip(*args)

manifest, folder, me, other = map(Path, sys.argv[1:])
logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[Waiting(sys.stdout)])
cache.read_clip = read_slowly
me.touch()
while not other.exists():
    time.sleep(0.01)
print("rows", len(open_cache(read_manifest(manifest).recordings, MapSettings(), folder, Clock(30, 0))))
"""


def test_two_processes_build_one_cache_once(task: Path, tmp_path: Path) -> None:
    flags = tmp_path / "a", tmp_path / "b"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(task), str(tmp_path / "cache"), str(me), str(other)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for me, other in (flags, flags[::-1])
    ]
    outputs, errors = zip(*(process.communicate(timeout=120) for process in processes), strict=True)
    assert [process.returncode for process in processes] == [0, 0], errors
    assert "".join(outputs).count("cached 360 rows") == 1
    assert "".join(outputs).count("waiting for another process") == 1
    assert [text.splitlines()[-1] for text in outputs] == ["rows 360", "rows 360"]
    assert len(list((tmp_path / "cache").glob("*.rows"))) == 1

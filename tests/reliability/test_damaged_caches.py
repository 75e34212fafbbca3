"""Many processes build and read the same caches while these are deleted, truncated, swapped and overwritten."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skelmap.data.rendering import MapSettings, render_maps
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from synthetic_data import make_clip, wave, write_manifest
from training_process import SEED, TRIALS

pytestmark = pytest.mark.slow
PROCESSES = 16 if TRIALS > 1 else 4
SECONDS = 4 * TRIALS
READERS = """
import logging, os, sys, time
from pathlib import Path
import numpy as np, torch
from skelmap.data.cache import Clock, open_cache
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.manifest import read_manifest
from skelmap.utils.errors import UserError

logging.disable(logging.WARNING)
folder, processes, seconds, seed = Path(sys.argv[1]), *map(int, sys.argv[2:])
expected = {size: np.load(folder / f"{size}.npy") for size in (14, 28)}


def read(number):
    rng, opened, refused = np.random.default_rng(seed + number), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        size = int(rng.choice((14, 28)))
        recordings = read_manifest(folder / "manifest.csv").recordings
        try:
            cache = open_cache(recordings, MapSettings(img_size=size), folder / "cache", Clock(30, 0))
        except UserError as error:  # deleted each time it was written
            assert "as soon as it was written" in str(error), error
            refused += 1
            continue
        opened += 1
        for _ in range(20):  # read on while the file is damaged
            maps = cache.settings.unpack(torch.from_numpy(cache.packed))[:, 0].bool().numpy()
            assert np.array_equal(maps, expected[size]) and np.array_equal(cache.frame, np.tile(np.arange(60), 3))
            time.sleep(0.002)
    print("result", opened, refused, flush=True)


print("ready", flush=True)
children = []
for number in range(processes):
    child = os.fork()
    if not child:
        read(number)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def damage(cache: Path, rng: random.Random) -> None:
    """Damage or delete a random file of the cache folder, or the folder."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    if not files:
        return
    path, kind = rng.choice(files), rng.randrange(7)
    try:
        size = path.stat().st_size
        if kind == 0:
            path.unlink()
        elif kind == 1:
            shutil.rmtree(cache)
        elif kind == 2:
            os.truncate(path, rng.randrange(size + 1))
        elif kind == 3:
            shutil.copyfile(rng.choice(files), path)
        else:
            with path.open("r+b") as file:
                file.seek(rng.randrange(size + 1))
                file.write(rng.randbytes(rng.choice((1, 1000))))
    except OSError:
        pass  # deleted meanwhile


def test_no_wrong_byte_is_read_while_caches_are_damaged(tmp_path: Path) -> None:
    for seed in range(3):
        write_clip(tmp_path / f"{seed}.npz", make_clip(wave(60, seed), str(seed)))
        os.utime(tmp_path / f"{seed}.npz", (1e9, 1e9))  # old enough for its digest to be stored
    manifest = write_manifest(tmp_path, [[str(seed), f"{seed}.npz", "train", str(seed)] for seed in range(3)])
    clips = [read_clip(r.path, r.clip) for r in read_manifest(manifest).recordings]
    for size in (14, 28):
        settings = MapSettings(img_size=size)
        maps = [render_maps(clip.keypoints, clip.layout, clip.size, settings)[:, 0] for clip in clips]
        np.save(tmp_path / f"{size}.npy", np.concatenate(maps).astype(bool))

    readers = subprocess.Popen(
        [sys.executable, "-c", READERS, *map(str, (tmp_path, PROCESSES, SECONDS, SEED))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert readers.stdout is not None and readers.stdout.readline() == "ready\n"
    rng, damages, end = random.Random(SEED), 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(rng.uniform(0, 0.2))
        damage(tmp_path / "cache", rng)
        damages += 1
    output, errors = readers.communicate(timeout=120)
    assert readers.returncode == 0, errors
    counts = [line.split()[1:] for line in output.splitlines() if line.startswith("result")]
    opened, refused = np.array(counts, int).sum(axis=0)
    print(f"{PROCESSES} processes, {SECONDS} s: {opened} openings, {refused} refused, {damages} damages")
    assert opened > 10 * refused

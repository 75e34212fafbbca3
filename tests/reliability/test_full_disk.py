"""A full or read-only disk: a clear message, and the files that were there before are intact."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from skelmap.training.checkpoints import AtomicCheckpointIO
from skelmap.utils.errors import UserError
from training_process import SMALL, TRIALS, check_files, read_results, run_to_end, start, wait


def test_a_checkpoint_that_does_not_fit_keeps_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, checkpoints = tmp_path / "last.ckpt", AtomicCheckpointIO()
    checkpoints.save_checkpoint({"epoch": 1}, path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be written \(No space left on device\); .* is intact"):
        checkpoints.save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.skipif(TRIALS < 2, reason="with SKELMAP_TRIALS=2 and more")
@pytest.mark.parametrize("kb", [1, 70, 130])
def test_a_limited_file_size_stops_a_run_that_can_continue(kb: int, task: Path, tmp_path: Path) -> None:
    """The limit stands for a disk that is full at some point: the larger it is, the later a run fails."""
    arguments = (*SMALL, f"data.manifest={task}")
    training = start(tmp_path, *arguments, max_file_bytes=kb * 1024)
    output = wait(training)
    assert training.returncode == 1, "no limit of these is enough for a whole run"
    assert "Traceback" not in output and "File too large" in output, output
    check_files(tmp_path)
    run_to_end(tmp_path, *arguments)
    run_to_end(tmp_path, *arguments, "hydra.run.dir=undisturbed")
    assert read_results(tmp_path / "run") == read_results(tmp_path / "undisturbed")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB; skipped for users who may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one(small_disk: Path, task: Path, tmp_path: Path) -> None:
    cache, folder = f"paths.cache_dir={tmp_path}/cache", f"hydra.run.dir={small_disk}/run"
    arguments = (*SMALL, f"data.manifest={task}", cache, folder)
    training = start(tmp_path, *arguments)
    output = wait(training)
    assert training.returncode == 1 and "Traceback" not in output and "No space left on device" in output, output
    check_files(small_disk)
    remount(small_disk, "size=40m")
    run_to_end(tmp_path, *arguments)
    finished = read_results(small_disk / "run")
    remount(small_disk, "ro")
    for again in (start(tmp_path, *arguments), start(tmp_path, *arguments, f"hydra.run.dir={small_disk}/other")):
        output = wait(again)
        assert again.returncode == 1 and "Traceback" not in output and "Read-only file system" in output, output
    assert read_results(small_disk / "run") == finished

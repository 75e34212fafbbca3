"""A disk without space, or without leave to write: a clear message, and what stood there before is intact."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from skelmap.training.checkpoints import AtomicCheckpointIO
from skelmap.utils.errors import UserError
from training_process import SMALL, TRIALS, check_whole, finish, result, run_whole, start


def test_a_checkpoint_that_finds_no_space_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, written = tmp_path / "last.ckpt", AtomicCheckpointIO()
    written.save_checkpoint({"epoch": 1}, path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be written \(No space left on device\); .* is intact"):
        written.save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.skipif(TRIALS < 2, reason="with SKELMAP_TRIALS=2 and more")
@pytest.mark.parametrize("kb", [1, 70, 130])
def test_files_may_not_grow(kb: int, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RLIMIT_FSIZE stands for a disk that is full at some point: the larger the limit, the later a run fails."""
    whole = (*SMALL, f"data.manifest={task}")
    limited = subprocess.Popen

    def popen(*args: object, **more: object) -> "subprocess.Popen[str]":
        limit = kb * 1024
        return limited(*args, **more, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen)
        training = start(tmp_path, *whole)
    said = finish(training)
    assert training.returncode == 1, "no limit of these is enough for a whole run"
    assert "Traceback" not in said and "File too large" in said, said
    check_whole(tmp_path)
    run_whole(tmp_path, *whole)
    run_whole(tmp_path, *(a.replace("hydra.run.dir=run", "hydra.run.dir=undisturbed") for a in whole))
    assert result(tmp_path / "run") == result(tmp_path / "undisturbed")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 400 kB, where this user may mount one."""
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
    arguments = (
        *SMALL,
        f"data.manifest={task}",
        f"paths.cache_dir={tmp_path}/cache",
        f"hydra.run.dir={small_disk}/run",
    )
    training = start(tmp_path, *arguments)
    said = finish(training)
    assert training.returncode == 1 and "Traceback" not in said and "No space left on device" in said, said
    check_whole(small_disk)
    remount(small_disk, "size=40m")
    run_whole(tmp_path, *arguments)
    finished = result(small_disk / "run")
    remount(small_disk, "ro")
    for again in (start(tmp_path, *arguments), start(tmp_path, *arguments, f"hydra.run.dir={small_disk}/other")):
        said = finish(again)
        assert again.returncode == 1 and "Traceback" not in said and "Read-only file system" in said, said
    assert result(small_disk / "run") == finished

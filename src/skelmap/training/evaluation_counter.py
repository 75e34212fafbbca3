"""Count how often the test recordings have been evaluated: a choice after many looks at them is no longer blind."""

import hashlib
import json
import logging
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.digests import content_digest
from skelmap.training.run_dir import effective_config
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object

COUNTER = "test_evaluations.json"
WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
LOCK_SECONDS = 60
"""Longest wait for another process that counts."""
NOT_COUNTED = ("train", "ckpt_path", "data.manifest", "data.cache_dir", "trainer.", "callbacks.", "plots.")
"""Keys, or their beginnings, whose change is no new evaluation: to evaluate a checkpoint again is the same look."""
log = logging.getLogger(__name__)


def count_evaluation(data: SkeletonDataModule, config: dict[str, Any], model: str) -> int | None:
    """Record that a run evaluates the test recordings, and count the runs that have.

    Runs are told apart by their configuration, so that a run that is evaluated again counts once. Recordings are told
    apart by their content. The counter is test_evaluations.json beside the manifest, or in the folder of the cache if
    the manifest's folder is not writable.

    Args:
        data: with a test split.
        config: resolved configuration of the run.
        model: name of the method.

    Returns:
        Number of different runs, this one included; None of simulated data, and where the counter cannot be written,
        which is logged as a warning.
    """
    if data.simulated:
        return None
    recordings = data.manifest.split("test")
    key = content_digest(recordings, data.cache_dir / "sources")
    entry = {"model": model, "manifest": data.name, "date": datetime.now().date().isoformat()}
    path = _counter(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{COUNTER}.lock"), timeout=LOCK_SECONDS):
            content = read_json_object(path) if path.exists() else {}
            runs = content.setdefault(key, {"clips": len(recordings), "runs": {}})["runs"]
            runs.setdefault(_run_digest(config, data.manifest.digest), entry)
            with atomic_write(path) as file:
                file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            return len(runs)
    except (OSError, UserError, KeyError, TypeError, AttributeError) as error:  # filelock's Timeout is an OSError
        log.warning("%s: this evaluation of the test recordings is not counted (%s)", path, error)
        return None


def _counter(data: SkeletonDataModule) -> Path:
    """Path of the counter; a folder without write permission counts as such for the superuser, too."""
    folder = data.manifest.path.parent
    writable = os.access(folder, os.W_OK) and folder.stat().st_mode & WRITE
    return (folder if writable else data.cache_dir) / COUNTER


def _run_digest(config: dict[str, Any], manifest: str) -> str:
    """Digest the configuration keys that the scores depend on, and the content of the manifest."""
    keys = {key: value for key, value in effective_config(config).items() if not key.startswith(NOT_COUNTED)}
    text = json.dumps([manifest, sorted(keys.items())], default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

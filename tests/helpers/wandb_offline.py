"""Read the files of W&B's offline runs (LevelDB log of protobuf records)."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, struct.Struct("<IHB")  # LevelDB's log format: checksum, length, kind
FULL, LAST = 1, 4


class OfflineRun:
    """The content of one offline-run folder.

    Attributes:
        name, group, job_type, sweep: arguments of `wandb.init`.
        config: values by key.
        history: one dictionary per call of `log`.
        artifacts: (type, name) of each artifact.
        exit_code: None for a run that was not finished.
    """

    def __init__(self, folder: Path) -> None:
        from wandb.proto.wandb_internal_pb2 import Record

        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.artifacts: list[tuple[str, str]] = []
        self.exit_code: int | None = None
        self.files = folder / "files"
        (path,) = folder.glob("run-*.wandb")
        for content in _records(path.read_bytes()):
            record = Record.FromString(content)
            if record.HasField("run"):
                run = record.run
                self.name, self.group, self.job_type, self.sweep = (
                    run.display_name,
                    run.run_group,
                    run.job_type,
                    run.sweep_id,
                )
                self._update(run.config.update)
            elif record.HasField("config"):
                self._update(record.config.update)
            elif record.HasField("history"):
                items = record.history.item
                self.history.append({i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in items})
            elif record.HasField("artifact"):
                self.artifacts.append((record.artifact.type, record.artifact.name))
            elif record.HasField("exit"):
                self.exit_code = record.exit.exit_code

    def _update(self, items: Any) -> None:
        self.config |= {i.key or "//".join(i.nested_key): json.loads(i.value_json) for i in items}

    def last(self) -> dict[str, Any]:
        """The last value of every key that was logged."""
        return {key: value for row in self.history for key, value in row.items()}


def _records(data: bytes) -> Iterator[bytes]:
    assert data[:4] in (b":W&B", b"")  # empty: still being written
    at, parts = 7, b""
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:  # the rest of a block is padding
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, at)
        at += HEADER.size + length
        if at > len(data):  # still being written
            return
        parts += data[at - length : at]
        if kind in (FULL, LAST):
            yield parts
            parts = b""

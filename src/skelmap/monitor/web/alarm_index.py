"""SQLite index of the alarms and reviews in events.jsonl."""

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from skelmap.monitor.event_log import EVENTS_FILE
from skelmap.utils.errors import UserError

INDEX_FILE = "alarms.sqlite"
BROKEN_SUFFIX = ".broken"
SCHEMA = """
CREATE TABLE IF NOT EXISTS alarms (
    id TEXT PRIMARY KEY, record TEXT NOT NULL, ended INTEGER NOT NULL, clock TEXT NOT NULL,
    verdict TEXT, note TEXT NOT NULL DEFAULT '', reviewed TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS read_bytes (bytes INTEGER NOT NULL);
"""
Verdict = Literal["right", "false", "unsure"]
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class AlarmIndex:
    """Alarms of an output folder with their reviews, the newest first.

    events.jsonl has all of it: alarms as they are raised and end, and a line for each review. FOLDER/alarms.sqlite
    (WAL) holds the same as one row for each alarm, up to the bytes read so far. A broken database file is renamed and
    rebuilt; where the folder is read-only, the database is in memory.

    Args:
        folder: output folder of a monitor; it may have no events yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.events = folder, folder / EVENTS_FILE
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None

    def alarms(self, limit: int = 100, verdict: Verdict | None = None) -> list[dict[str, Any]]:
        """List alarms: the newest line of events.jsonl of each, with `verdict`, `note` and `reviewed`.

        Args:
            limit: largest number.
            verdict: only alarms with this review; None for all.
        """
        where, values = ("WHERE verdict = ?", (verdict,)) if verdict else ("", ())
        query = f"SELECT record, verdict, note, reviewed FROM alarms {where} ORDER BY rowid DESC LIMIT ?"
        return [_alarm(row) for row in self._read(query, (*values, limit))]

    def alarm(self, identity: str) -> dict[str, Any]:
        """Give one alarm.

        Raises:
            UserError: there is no such alarm.
        """
        rows = self._read("SELECT record, verdict, note, reviewed FROM alarms WHERE id = ?", (identity,))
        if not rows:
            raise UserError(f"alarm {identity!r} is not in {self.events}")
        return _alarm(rows[0])

    def active(self, since: str) -> list[str]:
        """List the ids of alarms that have not ended.

        Args:
            since: ISO time at which the monitor started; alarms of a monitor that was killed before never end.
        """
        query = "SELECT id FROM alarms WHERE NOT ended AND (clock = '' OR clock >= ?) ORDER BY rowid"
        return [identity for (identity,) in self._read(query, (since,))]

    def review(self, identity: str, verdict: Verdict, note: str = "") -> dict[str, Any]:
        """Append a review to events.jsonl; it replaces an earlier one of the same alarm.

        Args:
            identity: of the alarm.
            verdict: right: an unusual action; false: normal work; unsure.
            note: free text.

        Returns:
            The alarm with its review.

        Raises:
            UserError: there is no such alarm, or events.jsonl cannot be written.
        """
        self.alarm(identity)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        record = {"id": identity, "state": "reviewed", "verdict": verdict, "note": note, "reviewed": now}
        try:
            file = os.open(self.events, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(file, (json.dumps(record, ensure_ascii=False) + "\n").encode())
            finally:
                os.close(file)
        except OSError as error:
            raise UserError(f"{self.events}: the review cannot be written ({error.strerror})") from error
        return self.alarm(identity)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Run a query after adding the new lines of events.jsonl."""

        def run(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
            _add_new_lines(database, self.events)
            return database.execute(query, values).fetchall()

        with self._lock:
            return self._with_database(run)

    def _with_database(self, run: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run with the file's database, with a rebuilt one if it is broken, or with one in memory."""
        path = self.folder / INDEX_FILE
        try:
            self._database = self._database or _open(path)
            return run(self._database)
        except sqlite3.OperationalError as error:  # read-only, full, locked
            log.warning("%s: %s; the alarms are indexed in memory", path, error)
            self.close()
            self._database = _open(":memory:")
        except sqlite3.DatabaseError as error:
            log.warning("%s: %s; it is rebuilt from %s", path, error, self.events.name)
            self.close()
            path.replace(path.with_name(path.name + BROKEN_SUFFIX))
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._database = _open(path)
        return run(self._database)


def _open(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(SCHEMA)
    return database


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _add_new_lines(database: sqlite3.Connection, events: Path) -> None:
    """Add the lines of events.jsonl since the last call; all of them if the file was replaced by a shorter one."""
    size = events.stat().st_size if events.exists() else 0
    if size == _bytes_read(database):
        return
    with _transaction(database):
        start = _bytes_read(database)  # again: another process may have added lines
        if size < start:
            database.execute("DELETE FROM alarms")
            start = 0
        with events.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                start += len(line)
                _add_line(database, line)
        database.execute("DELETE FROM read_bytes")
        database.execute("INSERT INTO read_bytes VALUES (?)", (start,))


def _bytes_read(database: sqlite3.Connection) -> int:
    row = database.execute("SELECT bytes FROM read_bytes").fetchone()
    return int(row[0]) if row else 0


def _add_line(database: sqlite3.Connection, line: bytes) -> None:
    """Add a line; one that is damaged, or of a version without `id`, is skipped."""
    try:
        record = json.loads(line)
        identity, state = record["id"], record["state"]
        if state == "reviewed":
            values = (record["verdict"], record["note"], record["reviewed"], identity)
            database.execute("UPDATE alarms SET verdict = ?, note = ?, reviewed = ? WHERE id = ?", values)
            return
    except (ValueError, KeyError, TypeError):
        log.debug("skipped line of events.jsonl: %r", line[:200])
        return
    database.execute(
        "INSERT INTO alarms (id, record, ended, clock) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET record = excluded.record, ended = excluded.ended",
        (identity, line.decode(errors="replace"), state == "ended", str(record.get("clock", ""))),
    )


def _alarm(row: tuple[Any, ...]) -> dict[str, Any]:
    record, verdict, note, reviewed = row
    return {**json.loads(record), "verdict": verdict, "note": note, "reviewed": reviewed}

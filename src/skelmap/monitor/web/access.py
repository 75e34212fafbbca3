"""Access to the web page: passwords as scrypt hashes, limits on wrong ones, and host names."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from skelmap.utils.errors import UserError
from skelmap.utils.io import read_text

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_PASSWORD = 10
"""Shortest password, characters."""
MAX_WRONG = 5
"""Wrong passwords of one address in `LOCK_SECONDS`; after them it is refused, also with the right one."""
MAX_WRONG_IN_ALL = 100
"""The same of all addresses together."""
LOCK_SECONDS = 60.0
MAX_KNOWN = 100
"""Number of passwords and addresses that are remembered."""
SCRYPT_COST = 2**14
"""16 MB and about 50 ms for each attempt."""


def hash_password(password: str) -> str:
    """Hash a password with a random salt: a line of the password file.

    Raises:
        UserError: it is too short.
    """
    if len(password) < MIN_PASSWORD:
        raise UserError(f"the password has {len(password)} characters; allowed: {MIN_PASSWORD} or more")
    salt = secrets.token_bytes(16)
    return f"scrypt:{salt.hex()}:{_scrypt(password, salt).hex()}"


def add_password(path: Path, password: str) -> None:
    """Append the hash of a password to a file that only its owner may read.

    Raises:
        UserError: the password is too short, or the file cannot be written.
    """
    line = hash_password(password) + "\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


class Passwords:
    """Checks passwords and tokens against a file of hashes.

    Args:
        path: file with a hash in each line (`add_password`).
        clock: gives the current time in seconds.

    Raises:
        UserError: the file cannot be read, or has a line that is not a hash.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._hashes = [_parse(path, line) for line in read_text(path).splitlines() if line.strip()]
        if not self._hashes:
            raise UserError(f"{path}: has no password; add one with skelmap password {path}")
        self._lock = threading.Lock()
        self._right: deque[bytes] = deque(maxlen=MAX_KNOWN)
        self._wrong: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_WRONG))
        self._all_wrong: deque[float] = deque(maxlen=MAX_WRONG_IN_ALL)
        self._key = secrets.token_bytes(32)

    def is_locked(self, address: str) -> bool:
        """Whether too many wrong passwords came from an address, or from all addresses together."""
        with self._lock:
            return self._is_full(self._all_wrong) or self._is_full(self._wrong.get(address, deque(maxlen=1)))

    def check(self, authorization: str, address: str) -> bool:
        """Check the Authorization header of a request: Basic with any user name, or Bearer.

        Args:
            authorization: value of the header.
            address: of the client.
        """
        password = _password(authorization)
        if password is None:
            return False
        known = hmac.digest(self._key, password.encode(errors="replace"), "sha256")  # scrypt once, not for each request
        with self._lock:
            if any(hmac.compare_digest(known, right) for right in self._right):
                return True
            if any(hmac.compare_digest(_scrypt(password, salt), expected) for salt, expected in self._hashes):
                self._right.append(known)
                return True
            if len(self._wrong) >= MAX_KNOWN:
                self._wrong.clear()
            self._wrong[address].append(self.clock())
            self._all_wrong.append(self.clock())
            return False

    def _is_full(self, times: deque[float]) -> bool:
        return len(times) == times.maxlen and self.clock() - times[0] < LOCK_SECONDS


def is_host_allowed(listening: str, header: str) -> bool:
    """Whether a request's Host header may name this server.

    Foreign names that resolve to this machine are refused where the page listens on loopback (DNS rebinding).

    Args:
        listening: address that the server listens on.
        header: value of the header.
    """
    return listening not in LOOPBACK or header.rsplit(":", 1)[0].strip("[]") in LOOPBACK


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, n=SCRYPT_COST, r=8, p=1)


def _parse(path: Path, line: str) -> tuple[bytes, bytes]:
    try:
        kind, salt, digest = line.strip().split(":")
        if kind == "scrypt":
            return bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        pass
    raise UserError(f"{path}: has a line that is no hash; skelmap password {path} adds one")


def _password(authorization: str) -> str | None:
    """Take the password out of a header; None if it has none."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None

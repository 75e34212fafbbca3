"""Webhook: posts each event to an HTTP address."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from skelmap.monitor.outbox import Outbox
from skelmap.utils.errors import UserError

SECONDS = 8.0
"""Time limit of a request."""
NEVER_TAKEN = (400, 413, 422)
"""Answers to a request that would not be taken later either."""
log = logging.getLogger(__name__)


class Webhook(Outbox):
    """Posts each line of events.jsonl, JSON, when an alarm is raised and when it ends.

    Args:
        folder: output folder.
        address: http:// or https://; only its host is repeated in messages, since addresses hold secrets.
        threshold: of the alarms, for the record.

    Raises:
        UserError: the address is none, or the package requests is missing.
    """

    def __init__(self, folder: Path, address: str, threshold: float) -> None:
        try:
            parts = urlsplit(address)
            host = parts.hostname if parts.scheme in ("http", "https") else None
        except ValueError:
            host = None
        if not host:
            raise UserError("webhook: not an address; allowed: http://HOST/PATH or https://HOST/PATH")
        try:
            import requests
        except ModuleNotFoundError as error:
            raise UserError("webhook: needs the package requests: pip install requests") from error
        self._requests, self.address = requests, address
        super().__init__(folder, f"webhook={host}", threshold)
        self.start()

    def send(self, line: str) -> str:
        """Post a line."""
        errors, headers = self._requests.exceptions, {"Content-Type": "application/json"}
        try:
            status = self._requests.post(self.address, line.encode(), headers=headers, timeout=SECONDS).status_code
        except errors.Timeout:
            return f"no answer within {SECONDS:g} s"
        except errors.SSLError:
            return "its TLS certificate is not valid here"
        except errors.ConnectionError:
            return "no connection"
        if status in NEVER_TAKEN:
            log.error("%s: answers %d and does not take this event: %s", self.name, status, line)
            return ""
        return f"answers {status}" if status >= 300 else ""

"""Streams of server-sent events: the states of a monitor in this process, or of one in another."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit
from urllib.request import urlopen

from skelmap.monitor.web.access import LOOPBACK
from skelmap.monitor.web.cameras import CameraFolder
from skelmap.monitor.web.live import LiveState

UPDATES_PER_SECOND = 15
SILENT_SECONDS = 4.0
"""A monitor in another process that sends nothing for so long is given up; it sends a state at least once a second."""


def take_still(camera: CameraFolder) -> bytes | None:
    """Newest image of a camera as JPEG; None if its monitor does not show images, or cannot be reached."""
    if camera.live is not None:
        return camera.live.still()
    page = str(camera.heartbeat().get("page", ""))
    if urlsplit(page).hostname not in LOOPBACK:
        return None
    try:
        with urlopen(f"{page}api/cameras/{camera.name}/still", timeout=SILENT_SECONDS) as response:
            return bytes(response.read())
    except (OSError, ValueError):
        return None


async def stream_states(live: LiveState, viewers: threading.Semaphore) -> AsyncIterator[str]:
    """Yield each state of a monitor, at least one a second, until it has ended.

    Args:
        live: its state.
        viewers: released at the end.
    """
    version, idle, closed = -1, 0, False
    try:
        while not closed:
            closed = live.closed  # read before the state, so that the last state is sent
            if live.version != version or idle >= UPDATES_PER_SECOND:
                state = live.state(with_curve=version < 0)
                version, idle = live.version, 0
                yield f"data: {json.dumps(state)}\n\n"
            idle += 1
            await asyncio.sleep(1 / UPDATES_PER_SECOND)
    finally:
        viewers.release()


def relay_states(camera: CameraFolder, viewers: threading.Semaphore) -> Iterator[bytes]:
    """Pass on the stream of a monitor in another process, whose page's address stands in its heartbeat.

    Args:
        camera: its output folder.
        viewers: released at the end.
    """
    try:
        page = str(camera.heartbeat().get("page", ""))
        if urlsplit(page).hostname not in LOOPBACK:
            yield b'data: {"errors": ["no live picture: the monitor has no page on this machine"]}\n\n'
            return
        with urlopen(f"{page}api/cameras/{camera.name}/stream", timeout=SILENT_SECONDS) as response:
            yield from response
    except (OSError, ValueError):  # URLError is an OSError
        return  # the browser sees the end of the stream, and connects again
    finally:
        viewers.release()

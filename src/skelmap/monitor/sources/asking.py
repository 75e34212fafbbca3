"""Asking a network camera why it gives no picture: OpenCV does not tell."""

import socket
from urllib.parse import urlsplit

PATIENCE = 5.0
"""Seconds to wait for an answer."""
REQUESTS = {"rtsp": (554, "DESCRIBE {whole} RTSP/1.0\r\nCSeq: 1"), "http": (80, "GET {path} HTTP/1.0\r\nHost: {host}")}
"""By scheme: the usual port, and what is asked without an account."""
MEANINGS = {
    "401": "it wants an account and a password in the address",
    "404": "it has no such path",
    "200": "it has something there, but no pictures that can be read",
}


def why_no_picture(address: str) -> str:
    """Say why a camera cannot be opened, as far as can be told; nothing of the address is repeated.

    Args:
        address: RTSP or HTTP; of other addresses only that they cannot be opened is said.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "not an address; in passwords / is written %2F, ? %3F, # %23 and @ %40"
    if parts.scheme not in REQUESTS:
        return "cannot be opened"
    usual, request = REQUESTS[parts.scheme]
    place = parts.netloc.rpartition("@")[2]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asked = request.format(whole=f"{parts.scheme}://{place}{path}", path=path, host=place)
    try:
        with socket.create_connection((host, port or usual), PATIENCE) as camera:
            camera.sendall(f"{asked}\r\n\r\n".encode())
            answer = camera.recv(100)
    except UnicodeError:
        return "not an address"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    status = answer.split(b"\r\n")[0].decode("ascii", "replace").partition(" ")[2]
    if not status.isprintable() or not status:
        return "it does not answer as a camera does"
    given = "the account or the password is wrong" if parts.username is not None else MEANINGS["401"]
    meaning = given if status[:3] == "401" else MEANINGS.get(status[:3], "")
    return f"it answers {status}" + (f": {meaning}" if meaning else "")

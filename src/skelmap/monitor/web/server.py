"""Serves the web page: an uvicorn server in a thread, with access control, and TLS from files."""

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skelmap.monitor.web.access import LOCK_SECONDS, LOOPBACK, Passwords, is_host_allowed
from skelmap.monitor.web.api import create_app
from skelmap.monitor.web.cameras import Cameras
from skelmap.monitor.web.live import LiveState
from skelmap.utils.errors import UserError

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
MAX_CONNECTIONS = 100
START_SECONDS = 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebAddress:
    """Where the page is served, and to whom.

    Attributes:
        port: 0 for any free port.
        host: address to listen on; a loopback address is reachable from this machine only.
        passwords: file of password hashes; needed beyond loopback.
        certificate: PEM file for TLS.
        key: PEM file of its private key; None if it is in the same file.
    """

    port: int
    host: str = "127.0.0.1"
    passwords: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Check the combination of values.

        Raises:
            UserError: no password beyond loopback, or a key without a certificate.
        """
        if self.host not in LOOPBACK and self.passwords is None:
            raise UserError(
                f"web page at {self.host}: other machines can reach this address, so it needs a file of passwords "
                "(web.passwords or --passwords), which skelmap password FILE writes; 127.0.0.1 needs none"
            )
        if self.key is not None and self.certificate is None:
            raise UserError(f"key {self.key}: needs a certificate, too")


class WebServer:
    """Serves the page and the API of cameras until `close`.

    Args:
        address: where.
        cameras: what.

    Raises:
        UserError: the address cannot be listened on, or a file cannot be used.
    """

    def __init__(self, address: WebAddress, cameras: Cameras) -> None:
        address.check()
        passwords = Passwords(address.passwords) if address.passwords else None
        if address.certificate is not None:
            _check_certificate(address.certificate, address.key)
        elif address.host not in LOOPBACK:
            log.warning("the web page has no certificate: passwords cross the network unencrypted")
        self._cameras = cameras
        self._socket = _listen(address)
        self.host, self.port, self.secure = address.host, int(self._socket.getsockname()[1]), bool(address.certificate)
        config = uvicorn.Config(
            _Guard(create_app(cameras), address.host, passwords),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=2,
            lifespan="off",
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # interrupted streams are no errors
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="web page", daemon=True
        )
        self._thread.start()
        end = monotonic() + START_SECONDS
        while not self._server.started and self._thread.is_alive() and monotonic() < end:
            sleep(0.01)

    @property
    def address(self) -> str:
        """URL of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/"

    def wait(self) -> None:
        """Serve until the thread ends."""
        while self._thread.is_alive():
            self._thread.join(1.0)

    def close(self) -> None:
        """End the streams, and stop."""
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        if not self._thread.is_alive():
            self._socket.close()
        self._cameras.close()


class WebPage(LiveState):
    """Sink that shows a monitor on its own web page.

    Args:
        folder: output folder of the monitor.
        address: where the page is served.
        threshold: of the alarms.
        about: texts about the model for the page's header.
        show_camera_image: give stills of the camera, to draw zones over.

    Attributes:
        folder: output folder of the monitor.

    Raises:
        UserError: it cannot be served there.
    """

    def __init__(
        self,
        folder: Path,
        address: WebAddress,
        threshold: float,
        about: Sequence[str] = (),
        show_camera_image: bool = False,
    ) -> None:
        super().__init__(threshold, about, show_camera_image)
        self.folder = folder
        self._server = WebServer(address, Cameras(folder, self))

    @property
    def address(self) -> str:
        """URL of the page."""
        return self._server.address

    @property
    def port(self) -> int:
        """Port of the page."""
        return self._server.port

    def close(self) -> None:
        """Send a last state and stop the server."""
        super().close()
        self._server.close()


class _Guard:
    """Adds headers to responses, and refuses requests without access (ASGI)."""

    def __init__(self, app: ASGIApp, host: str, passwords: Passwords | None) -> None:
        self.app, self.host, self.passwords = app, host, passwords

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(headers, (scope.get("client") or ("unknown",))[0])
        await (refusal or self.app)(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, client: str) -> PlainTextResponse | None:
        if not is_host_allowed(self.host, headers.get("host", "")):
            return PlainTextResponse("this page is available on its own machine only", 403)
        if self.passwords is None:
            return None
        if self.passwords.is_locked(client):
            wait = {"Retry-After": str(round(LOCK_SECONDS))}
            return PlainTextResponse("too many wrong passwords; wait a minute", 429, wait)
        if self.passwords.check(headers.get("authorization", ""), client):
            return None
        return PlainTextResponse("a password is needed", 401, {"WWW-Authenticate": 'Basic realm="skelmap"'})


def _listen(address: WebAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listening.close()
        cause = getattr(error, "strerror", error)
        text = f"web page at {address.host}, port {address.port}: cannot listen there ({cause})"
        raise UserError(text) from error
    return listening


def _check_certificate(certificate: Path, key: Path | None) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UserError(f"certificate {certificate}, key {key}: cannot be used ({error})") from error

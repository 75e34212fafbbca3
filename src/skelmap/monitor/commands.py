"""Commands for several monitors and their alarms: `skelmap site`, `page`, `password` and `refit`."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from skelmap.utils.commands import command_parser
from skelmap.utils.errors import UserError
from skelmap.utils.runtime import exit_on_signal


def site(arguments: Sequence[str]) -> None:
    """Monitor all cameras of a site: a process for each, restarted when it ends, and one web page.

    SITE.yaml has the keys output, web (options of skelmap page), defaults and cameras. A camera has the keys of skelmap
    monitor, and schedule, such as "mon-fri 06:00-22:00". Paths are relative to the current folder.
    """
    parser = command_parser(site)
    parser.add_argument("file", type=Path, metavar="SITE.yaml")
    parser.add_argument("--check", action="store_true", help="check the file, and start nothing")
    a = parser.parse_args(arguments)
    from skelmap.monitor.site_config import read_site
    from skelmap.monitor.supervisor import run_site

    content = read_site(a.file)
    print(f"{a.file}: cameras {', '.join(camera.name for camera in content.cameras)}", flush=True)
    if not a.check:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        with exit_on_signal():
            run_site(content)


def page(arguments: Sequence[str]) -> None:
    """Serve the web page of output folders: cameras, alarms, reviews; also after the monitors have ended."""
    parser = command_parser(page)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="output= of a monitor, or a folder of several")
    parser.add_argument("--port", type=int, default=8000, help="(default 8000)")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1, the default: this machine only")
    parser.add_argument("--passwords", type=Path, metavar="FILE", help="of skelmap password; needed for other hosts")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="for TLS")
    parser.add_argument("--key", type=Path, metavar="PEM", help="of the certificate, unless it is in the same file")
    a = parser.parse_args(arguments)
    if not a.folder.is_dir():
        raise UserError(f"{a.folder}: no such folder; needed is the output folder of a monitor, or one of several")
    from skelmap.monitor.web.cameras import Cameras
    from skelmap.monitor.web.server import WebAddress, WebServer

    with exit_on_signal():
        address = WebAddress(a.port, a.host, a.passwords, a.certificate, a.key)
        server = WebServer(address, Cameras(a.folder))
        print(f"web page: {server.address}", flush=True)
        try:
            server.wait()
        finally:
            server.close()


def password(arguments: Sequence[str]) -> None:
    """Add a password, or a token for programs, to a file of hashes for the web page."""
    parser = command_parser(password)
    parser.add_argument("file", type=Path, metavar="FILE", help="the password is asked for, or read from a pipe")
    a = parser.parse_args(arguments)
    from getpass import getpass

    from skelmap.monitor.web.access import add_password

    text = getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    add_password(a.file, text)
    print(f"{a.file}: added; it holds a hash, not the password")


def refit(arguments: Sequence[str]) -> None:
    """Train a run again with reviewed alarms: false ones as normal work, right ones as abnormal examples.

    Review alarms on the page of `skelmap monitor` or `skelmap page`. RUN stays as it is. Start it where RUN was
    trained, since the paths of its data may be relative. Only models on pose features, such as feature_knn, learn from
    right alarms.
    """
    parser = command_parser(refit)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--reviews", type=Path, required=True, metavar="FOLDER", help="output of one or more monitors")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="new run folder; default: RUN_refit")
    parser.add_argument("--false-alarms-per-hour", dest="rate", type=float, default=1.0, help="(default 1)")
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="of the run's own classes")
    a = parser.parse_args(arguments)
    if not a.rate > 0:
        parser.error(f"--false-alarms-per-hour {a.rate}; allowed: more than 0")
    import skelmap.training.resolvers  # noqa: F401
    from skelmap.monitor.refit import refit as refit_run

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    out = a.out or a.run.with_name(f"{a.run.resolve().name}_refit")
    with exit_on_signal():
        refit_run(a.run, a.reviews, out, a.rate, a.trust)
    print(f"run: {out}")

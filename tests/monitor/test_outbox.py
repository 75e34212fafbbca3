"""Webhook and MQTT: events arrive in order, wait for a lost receiver, and survive the monitor."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from monitor_config import compose_monitor
from monitor_events import ListSource, alarm_event
from skelmap.monitor import outbox
from skelmap.monitor.app import run_monitor
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.mqtt import MQTT, Broker, parse_address
from skelmap.monitor.webhook import Webhook
from skelmap.utils.errors import UserError

BROKER = "mosquitto"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "RETRY_SECONDS", (0.05,))
    monkeypatch.setattr(outbox, "IDLE_SECONDS", 0.05)


class Receiver(HTTPServer):
    """Keeps what is posted to it; answers with the next of some status codes, then 200."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Post)
        self.received: list[dict[str, Any]] = []
        self.answers: list[int] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        status = self.server.answers.pop(0) if self.server.answers else 200
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if status == 200:
            self.server.received.append(json.loads(content))
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def raise_and_end(sinks: list[Any], start: float) -> None:
    for ended in (False, True):
        for sink in sinks:
            sink.on_event(alarm_event(ended, start))


def started(sinks: list[Any]) -> list[Any]:
    for sink in sinks:
        sink.on_source_start(ListSource([], "gate"))
    return sinks


def test_events_wait_for_a_lost_receiver_and_for_the_next_monitor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    address = f"http://user:pw-9@127.0.0.1:{receiver.server_port}/secret"
    (tmp_path / "events.jsonl").write_text('{"id": "before the webhook"}\n')
    log, hook = started([EventLog(tmp_path, 0.8), Webhook(tmp_path, address, 0.8)])
    receiver.answers = [500, 422]  # once more, not at all
    raise_and_end([log, hook], 1.0)
    wait(lambda: len(receiver.received) == 1)
    assert receiver.received[0]["state"] == "ended" and "does not take this event" in caplog.text
    receiver.shutdown()
    receiver.server_close()
    raise_and_end([log, hook], 2.0)
    wait(lambda: hook.error)
    assert hook.error == "webhook=127.0.0.1: no connection; events wait until it is back"
    log.close()
    hook.close()
    assert "2 events were not sent; the next monitor of this folder sends them" in caplog.text
    assert "pw-9" not in caplog.text and "secret" not in caplog.text
    again = Receiver(receiver.server_port)
    log, hook = started([EventLog(tmp_path, 0.8), Webhook(tmp_path, address, 0.8)])
    raise_and_end([log, hook], 3.0)
    hook.close()
    assert [(r["start"], r["state"]) for r in again.received] == [
        (start, state) for start in (2.0, 3.0) for state in ("raised", "ended")
    ]
    assert (tmp_path / ".sent_webhook").read_text() == "7\n" and not hook.error
    again.shutdown()


def test_addresses_are_checked_and_passwords_not_repeated(trained: Path, tmp_path: Path) -> None:
    assert parse_address("mqtt://me:p%40ss@broker") == Broker("broker", 1883, False, "me", "p@ss")
    assert parse_address("mqtts://[::1]:9") == Broker("::1", 9, True, "", "")
    for key, allowed in (
        ("webhook=gate.example", "webhook: not an address"),
        ("mqtt.address=http://me:pw-9@broker", r"mqtt\.address=http://\*\*\*@broker; allowed: mqtt://HOST:PORT"),
        ("mqtt.address=mqtt://me:pw-9@broker:port", r"mqtt\.address=mqtt://\*\*\*@broker"),
        ("+mqtt.port=5", r"mqtt\.port"),
    ):
        name, value = key.split("=", 1)
        with pytest.raises(UserError, match=allowed) as error:
            run_monitor(
                compose_monitor(trained / "run", tmp_path, f"source={trained}/task/manifest.csv", f'{name}="{value}"')
            )
        assert "pw-9" not in str(error.value)
    with pytest.raises(UserError, match=r"mqtt\.topic=a/#; allowed"):
        MQTT(tmp_path, "mqtt://broker", "a/#", None, "gate", 0.8)


@contextmanager
def broker(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run mosquitto with the account me, password p@ss."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "accounts", "me", "p@ss"], check=True)
    (folder / "accounts").chmod(0o644)
    lines = (f"listener {port} 127.0.0.1", f"password_file {folder}/accounts", "user root")
    (folder / "conf").write_text("\n".join(lines) + "\n")
    with subprocess.Popen([BROKER, "-c", folder / "conf"], stderr=subprocess.DEVNULL) as process:
        try:
            wait(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(BROKER) is None, reason="needs the package mosquitto")
def test_a_broker_gets_every_event_also_those_of_its_absence(tmp_path: Path) -> None:
    paho = pytest.importorskip("paho.mqtt.client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    received: list[tuple[str, str]] = []

    def listen() -> Any:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.username_pw_set("me", "p@ss")
        client.on_message = lambda c, u, message: received.append((message.topic, message.payload.decode()))
        client.on_connect = lambda c, u, f, reason, p: c.subscribe("#", qos=1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        return client

    def events() -> list[tuple[str, float]]:
        found = [json.loads(text) for topic, text in received if topic == "plant/events"]
        return [(event["type"], event["after"]["start"]) for event in found if event["camera"] == "hall_3"]

    address = f"mqtt://me:p%40ss@127.0.0.1:{port}"
    with broker(tmp_path / "broker", port):
        wrong = MQTT(tmp_path / "wrong", address.replace("p%40ss", "x"), "plant", None, "hall 3", 0.8)
        wait(lambda: wrong.error)
        assert wrong.error == f"mqtt=127.0.0.1:{port}: refuses: not authorized; events wait until it is back"
        wrong.close()
        client = listen()
        (sink,) = started([MQTT(tmp_path, address, "plant", "homeassistant", "hall 3", 0.8)])
        wait(lambda: ("plant/hall_3/available", "online") in received)
        raise_and_end([sink], 1.0)
        wait(lambda: events() == [("new", 1.0), ("end", 1.0)])
        wait(lambda: [text for topic, text in received if topic == "plant/hall_3/alarm"] == ["OFF", "ON", "OFF"])
        announced = dict(received)["homeassistant/binary_sensor/plant_hall_3/config"]
        assert json.loads(announced)["state_topic"] == "plant/hall_3/alarm"
    wait(lambda: sink.error)  # the broker was killed
    raise_and_end([sink], 2.0)
    client.loop_stop()
    with broker(tmp_path / "broker", port):
        client = listen()
        wait(lambda: events()[-2:] == [("new", 2.0), ("end", 2.0)])
        assert not sink.error
        sink.close()
        wait(lambda: ("plant/hall_3/available", "offline") in received)
        client.loop_stop()

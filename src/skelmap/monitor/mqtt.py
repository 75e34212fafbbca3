"""MQTT: publishes events and the state of the camera to a broker, for programs such as Home Assistant."""

import json
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from skelmap.monitor.outbox import Outbox
from skelmap.utils.errors import UserError
from skelmap.utils.redaction import redact

if TYPE_CHECKING:
    from paho.mqtt.client import Client

SECONDS = 5.0
"""Time limit of a connection, and of the broker's acknowledgement of an event."""
KEEPALIVE_SECONDS = 15
"""A lost broker, or for the broker a lost monitor, is noticed after 1.5 times as long."""
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker(NamedTuple):
    """Where a broker is.

    Attributes:
        host: name or IP address.
        port: TCP port.
        tls: whether the connection is encrypted; the system's certificates, or SSL_CERT_FILE, are trusted.
        username: account; empty without one.
        password: of the account.
    """

    host: str
    port: int
    tls: bool
    username: str
    password: str


def parse_address(address: str) -> Broker:
    """Read mqtt://USER:PASSWORD@HOST:PORT, or mqtts:// for TLS.

    Raises:
        UserError: it is no such address; the password is not repeated.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if not host:
        allowed = (
            "mqtt://HOST:PORT, or mqtts:// for TLS, with USER:PASSWORD@ before HOST; / is written %2F there, @ %40"
        )
        raise UserError(f"mqtt.address={redact(address)}; allowed: {allowed}")
    account = unquote(parts.username or ""), unquote(parts.password or "")
    return Broker(host, port, parts.scheme == "mqtts", *account)


class MQTT(Outbox):
    """Publishes to TOPIC/events and, retained, TOPIC/CAMERA/alarm (ON, OFF) and TOPIC/CAMERA/available.

    An event is {"type": "new" or "end", "camera": CAMERA, "after": the line of events.jsonl}, with QoS 1. The broker
    sets `available` to offline when the monitor is gone.

    Args:
        folder: output folder.
        address: of the broker (`parse_address`).
        topic: first part of all topics.
        discovery: first part of Home Assistant's discovery topics; None announces nothing.
        camera: name of the camera.
        threshold: of the alarms, for the record.

    Raises:
        UserError: the address or topic is wrong, or the package paho-mqtt is missing.
    """

    def __init__(
        self, folder: Path, address: str, topic: str, discovery: str | None, camera: str, threshold: float
    ) -> None:
        for key, value in (("topic", topic), ("discovery", discovery or "homeassistant")):
            if not re.fullmatch(r"[^#+/\s]+(/[^#+/\s]+)*", value):
                raise UserError(f"mqtt.{key}={value}; allowed: words between slashes, without # and +")
        self.broker = parse_address(address)
        try:
            import paho.mqtt.client as paho
        except ModuleNotFoundError as error:
            raise UserError("mqtt.address: needs the package paho-mqtt: pip install 'skelmap[mqtt]'") from error
        self._paho, self.topic, self.discovery = paho, topic, discovery
        self.camera = re.sub(r"[^\w-]+", "_", camera).strip("_") or "camera"
        self._client: Client | None = None
        self._answered = threading.Event()
        self._refused = ""
        self._alarms: set[str] = set()  # ids of alarms that have not ended
        super().__init__(folder, f"mqtt={self.broker.host}:{self.broker.port}", threshold)
        self.start()

    def connect(self) -> str:
        """Connect unless connected, and publish the state."""
        if self._client is not None and self._client.is_connected():
            return ""
        self._drop()
        client = self._new_client()
        try:
            client.connect(self.broker.host, self.broker.port, KEEPALIVE_SECONDS)
        except OSError as error:
            return (error.strerror or str(error)).lower()
        self._client = client
        client.loop_start()
        if not self._answered.wait(SECONDS):
            return f"no answer within {SECONDS:g} s"
        if self._refused:
            return f"refuses: {self._refused}"
        if self.discovery is not None:
            self._publish(f"{self.discovery}/binary_sensor/{self._unique_id}/config", json.dumps(self._announcement()))
        self._publish(f"{self.topic}/{self.camera}/available", "online")
        self._publish(f"{self.topic}/{self.camera}/alarm", "ON" if self._alarms else "OFF")
        return ""

    def send(self, line: str) -> str:
        """Publish an event and wait for the acknowledgement."""
        assert self._client is not None
        record = json.loads(line)
        raised = record["state"] == "raised"
        content = {"type": "new" if raised else "end", "camera": self.camera, "after": record}
        message = self._client.publish(f"{self.topic}/events", json.dumps(content, ensure_ascii=False), qos=1)
        try:
            message.wait_for_publish(SECONDS)
        except (ValueError, RuntimeError):
            return "lost"
        if not message.is_published():
            self._drop()
            return "no acknowledgement"
        (self._alarms.add if raised else self._alarms.discard)(record["id"])
        self._publish(f"{self.topic}/{self.camera}/alarm", "ON" if self._alarms else "OFF")
        return ""

    def close(self) -> None:
        """Send the last events, and say goodbye."""
        super().close()
        if self._client is not None and self._client.is_connected():
            self._publish(f"{self.topic}/{self.camera}/available", "offline")
            self._client.disconnect()
        self._drop()

    @property
    def _unique_id(self) -> str:
        return f"{self.topic.replace('/', '_')}_{self.camera}"

    def _announcement(self) -> dict[str, Any]:
        """Describe the alarm to Home Assistant as a binary sensor."""
        return {
            "name": "alarm",
            "unique_id": self._unique_id,
            "device_class": "safety",  # on: unsafe
            "state_topic": f"{self.topic}/{self.camera}/alarm",
            "availability_topic": f"{self.topic}/{self.camera}/available",
            "device": {"identifiers": [self._unique_id], "name": f"skelmap {self.camera}", "manufacturer": "skelmap"},
        }

    def _publish(self, topic: str, text: str) -> None:
        if self._client is not None:
            self._client.publish(topic, text, qos=1, retain=True)

    def _new_client(self) -> "Client":
        """Make a client; each connection has a new one, so that no message of an earlier one is left in it."""
        client = self._paho.Client(self._paho.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = SECONDS
        client.on_connect = self._on_connect
        client.will_set(f"{self.topic}/{self.camera}/available", "offline", qos=1, retain=True)
        if self.broker.username:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self.broker.tls:
            client.tls_set()
        self._answered.clear()
        return client

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        """Note the broker's answer (in the client's thread)."""
        self._refused = str(reason).lower() if reason.is_failure else ""
        self._answered.set()

    def _drop(self) -> None:
        """Give up the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.loop_stop()

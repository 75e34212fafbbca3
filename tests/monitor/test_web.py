"""The web page and its API as a browser requests them."""

import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor_events import RULE, ListSource, NoseHeightScorer, alarm_event, frame_result, pose_frame
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Heartbeat
from skelmap.monitor.web.access import MAX_WRONG, Passwords, add_password
from skelmap.monitor.web.cameras import Cameras
from skelmap.monitor.web.server import WebAddress, WebPage, WebServer
from skelmap.utils.errors import UserError

PASSWORD = "correct horse"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[WebPage]:
    (tmp_path / "gate").mkdir()
    page = WebPage(tmp_path / "gate", WebAddress(0), 0.8, ["LSTM-VAE"])
    yield page
    page.close()


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelmap.monitor.web.access.SCRYPT_COST", 2)


def get(port: int, path: str, method: str = "GET", body: Any = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json", **headers})
    return connection.getresponse()


def get_json(port: int, path: str, **options: Any) -> Any:
    return json.loads(get(port, path, **options).read())


def write_site(folder: Path, *names: str) -> None:
    """Outputs of cameras: in each an alarm has been raised."""
    for name in names:
        sinks = [EventLog(folder / name, 80), Heartbeat(folder / name)]
        Monitor(NoseHeightScorer(), RULE, sinks).run(
            [ListSource([pose_frame(n, nose_up=n > 3) for n in range(20)], name)]
        )


def test_the_page_loads_nothing_from_other_hosts(page: WebPage) -> None:
    response = get(page.port, "/")
    assert response.status == 200 and "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
    text = response.read().decode()
    assert "http" not in text and '<script src="/page.js">' in text
    for path in ("/page.js", "/page.css"):
        assert get(page.port, path).status == 200


def test_the_stream_has_skeletons_scores_and_how_full_windows_are_and_says_that_the_monitor_has_ended(
    page: WebPage,
) -> None:
    page.on_source_start(ListSource([], name="gate <b>"))
    page.on_frame(frame_result(30, 0.5), 4.2)
    page.on_frame(frame_result(31, 0.9, alarmed=True), 4.2)
    page.on_status(["lost"])
    stream = get(page.port, "/api/cameras/gate/stream")
    state = json.loads(stream.readline().decode().removeprefix("data: "))
    assert (state["source"], state["score"], state["threshold"], state["latency_ms"]) == ("gate <b>", 0.9, 0.8, 4.2)
    (person,) = state["people"]
    assert person["alarm"] is True and len(person["joints"]) == 25 and person["window"] == 1.0
    assert [score for _, score in state["curve"]] == [0.5, 0.9]
    assert (state["about"], state["errors"]) == (["LSTM-VAE"], ["lost"])
    page.close()
    states = [json.loads(line.removeprefix("data: ")) for line in stream.read().decode().split("\n") if line]
    assert states[-1]["ended"] is True and states[-1]["people"] == []


def test_foreign_host_names_other_paths_and_a_port_in_use_are_refused(page: WebPage, tmp_path: Path) -> None:
    assert get(page.port, "/", Host="evil.example").status == 403
    assert get(page.port, "/", Host=f"localhost:{page.port}").status == 200
    for path in ("/../page.py", "/page.html", "/%2e%2e/page.py", "/nothing", "/api/cameras/%2e%2e/stream"):
        assert get(page.port, path).status == 404, path
    assert get(page.port, "/", "POST").status == 405
    with pytest.raises(UserError, match=f"port {page.port}: cannot listen"):
        WebPage(tmp_path, WebAddress(page.port), 0.8)


def test_one_server_shows_the_cameras_of_a_site_and_stores_reviews(tmp_path: Path) -> None:
    write_site(tmp_path, "gate", "hall")
    server = WebServer(WebAddress(0), Cameras(tmp_path))
    try:
        port = server.port
        assert [camera["name"] for camera in get_json(port, "/api/cameras")] == ["gate", "hall"]
        assert get_json(port, "/api/cameras/gate")["state"] == "ended"
        assert get_json(port, "/api/health")["cameras"] == {"gate": "ended", "hall": "ended"}
        (alarm,) = get_json(port, "/api/events?camera=hall")
        assert (alarm["camera"], alarm["state"], alarm["verdict"]) == ("hall", "ended", None)
        path = f"/api/cameras/hall/alarms/{alarm['id']}/review"
        reviewed = get_json(port, path, method="PUT", body={"verdict": "false", "note": "swept the floor"})
        assert (reviewed["verdict"], reviewed["note"]) == ("false", "swept the floor")
        assert get_json(port, "/api/events?verdict=false") == [reviewed] and len(get_json(port, "/api/events")) == 2
        assert get(port, path, "PUT", body={"verdict": "wrong"}).status == 422
        gone = get(port, "/api/cameras/hall/alarms/old_1.0_p1/review", "PUT", body={"verdict": "false"})
        assert gone.status == 404 and "alarm 'old_1.0_p1' is not in" in gone.read().decode()
        unknown = get(port, "/api/events?camera=yard")
        assert unknown.status == 404 and "no camera 'yard'" in unknown.read().decode()
        assert get_json(port, "/api/openapi.json")["paths"].keys() >= {"/api/events", "/api/cameras", "/api/health"}
    finally:
        server.close()


def test_a_camera_whose_heartbeat_is_old_is_lost_and_has_no_alarm(tmp_path: Path) -> None:
    write_site(tmp_path, "gate")
    heartbeat = json.loads((tmp_path / "gate/heartbeat.json").read_text())
    heartbeat |= {"state": "watching", "time": "2026-01-02T00:00:00+00:00", "people": [{"person": 1}]}
    (tmp_path / "gate/heartbeat.json").write_text(json.dumps(heartbeat))
    status = Cameras(tmp_path).get("gate").status()
    assert (status["state"], status["since"]) == ("lost", "2026-01-02T00:00:00+00:00")
    assert (status["people"], status["active_alarms"]) == ([], [])


def test_a_site_passes_on_the_stream_of_a_monitor_in_another_process(page: WebPage) -> None:
    folder = page.folder
    Heartbeat(folder, page=page.address).on_source_start(ListSource([]))
    page.on_source_start(ListSource([], name="the gate"))
    server = WebServer(WebAddress(0), Cameras(folder.parent))
    try:
        line = get(server.port, "/api/cameras/gate/stream").readline()
        assert json.loads(line.decode().removeprefix("data: "))["source"] == "the gate"
    finally:
        server.close()


def test_other_machines_need_a_password_and_tls_takes_files(cheap_hashes: None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs a file of passwords .*skelmap password FILE"):
        WebServer(WebAddress(0, "0.0.0.0"), Cameras(tmp_path))
    file, key, certificate = tmp_path / "passwords", tmp_path / "key.pem", tmp_path / "certificate.pem"
    with pytest.raises(UserError, match="the password has 5 characters; allowed: 10 or more"):
        add_password(file, "short")
    add_password(file, PASSWORD)
    assert PASSWORD not in file.read_text() and os.stat(file).st_mode & 0o077 == 0
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    arguments = ["-keyout", key, "-out", certificate, "-subj", "/CN=localhost"]
    subprocess.run([*command, *arguments], check=True, capture_output=True)
    with pytest.raises(UserError, match="cannot be used"):
        WebServer(WebAddress(0, certificate=key), Cameras(tmp_path))
    server = WebServer(WebAddress(0, "0.0.0.0", file, certificate, key), Cameras(tmp_path))
    context = ssl.create_default_context(cafile=str(certificate))

    def answer(authorization: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=10)
        connection.request("GET", "/api/cameras", headers={"Authorization": authorization, "Connection": "close"})
        return connection.getresponse()

    try:
        assert server.address.startswith("https://")
        assert answer("").getheader("WWW-Authenticate") == 'Basic realm="skelmap"'
        assert answer(f"Bearer {PASSWORD}").status == 200
        assert [answer("Basic dTp3cm9uZw==").status for _ in range(MAX_WRONG + 1)] == [401] * MAX_WRONG + [429]
        assert answer(f"Bearer {PASSWORD}").status == 429  # of this address even the right one is refused
    finally:
        server.close()


def test_wrong_passwords_lock_an_address_for_a_minute(cheap_hashes: None, tmp_path: Path) -> None:
    file, now = tmp_path / "passwords", [0.0]
    add_password(file, PASSWORD)
    passwords = Passwords(file, clock=lambda: now[0])
    for _ in range(MAX_WRONG):
        assert not passwords.is_locked("a")
        assert not passwords.check("Bearer guess", "a")
    assert passwords.is_locked("a") and not passwords.is_locked("b")
    now[0] = 61.0
    assert not passwords.is_locked("a") and passwords.check(f"Bearer {PASSWORD}", "a")
    assert not passwords.check("", "a") and not passwords.check("Basic %", "a") and not passwords.is_locked("a")
    file.write_text("secret in plain text\n")
    with pytest.raises(UserError, match="a line that is no hash"):
        Passwords(file)


def test_an_event_reaches_the_page_through_the_event_log(page: WebPage) -> None:
    event_log = EventLog(page.folder, 0.8)
    event_log.on_source_start(ListSource([], "gate"))
    event_log.on_event(alarm_event(ended=False))
    (alarm,) = get_json(page.port, "/api/events")
    assert (alarm["state"], alarm["joints"]) == ("raised", ["left_wrist", "nose"])
    event_log.on_event(alarm_event(ended=True))
    assert [alarm["state"] for alarm in get_json(page.port, "/api/events")] == ["ended"]
    event_log.close()

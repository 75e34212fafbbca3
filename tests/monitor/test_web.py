"""The web page as a browser requests it."""

import http.client
import json
from collections.abc import Iterator

import pytest

from monitor_events import ListSource, alarm_event, frame_result
from skelmap.monitor.web_server import WebPage
from skelmap.utils.errors import UserError


@pytest.fixture
def page() -> Iterator[WebPage]:
    page = WebPage("127.0.0.1", 0, 0.8, ["LSTM-VAE"])
    yield page
    page.close()


def get(page: WebPage, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def test_the_page_loads_nothing_from_other_hosts(page: WebPage) -> None:
    response = get(page, "/")
    assert response.status == 200 and "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
    text = response.read().decode()
    assert "http" not in text and '<script src="/page.js">' in text
    for path in ("/page.js", "/page.css"):
        assert get(page, path).status == 200


def test_the_stream_has_skeletons_scores_and_alarms(page: WebPage) -> None:
    page.on_source_start(ListSource([], name="gate <b>"))
    page.on_frame(frame_result(30, 0.5), 4.2)
    page.on_frame(frame_result(31, 0.9, alarmed=True), 4.2)
    page.on_event(alarm_event(ended=False))
    line = get(page, "/stream").readline().decode()
    state = json.loads(line.removeprefix("data: "))
    assert (state["source"], state["score"], state["threshold"], state["latency_ms"]) == ("gate <b>", 0.9, 0.8, 4.2)
    (person,) = state["people"]
    assert person["alarm"] is True and len(person["joints"]) == 25 and state["about"] == ["LSTM-VAE"]
    assert [score for _, score in state["curve"]] == [0.5, 0.9]
    assert state["events"][0]["joints"] == ["left_wrist", "nose"]
    page.on_status(["lost"])
    assert page.wait_for_state(-1, 1)[1]["errors"] == ["lost"]


def test_the_last_state_of_the_stream_is_the_end_of_the_monitor() -> None:
    page = WebPage("127.0.0.1", 0, 0.8)
    stream = get(page, "/stream")
    stream.readline()
    page.close()
    states = [json.loads(line.removeprefix("data: ")) for line in stream.read().decode().split("\n") if line]
    assert states[-1]["errors"] == ["the monitor has ended"]


def test_foreign_host_names_and_other_paths_are_refused(page: WebPage) -> None:
    assert get(page, "/stream", host="evil.example").status == 403
    assert get(page, "/", host=f"localhost:{page.port}").status == 200
    for path in ("/../page.py", "/page.html", "/%2e%2e/page.py", "/nothing"):
        assert get(page, path).status == 404
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("POST", "/")
    assert connection.getresponse().status == 501


def test_a_port_in_use_is_an_error(page: WebPage) -> None:
    with pytest.raises(UserError, match=f"web.port={page.port}: cannot listen"):
        WebPage("127.0.0.1", page.port, 0.8)

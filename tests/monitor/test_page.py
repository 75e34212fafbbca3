"""The page as a browser asks for it."""

import http.client
import json
from collections.abc import Iterator

import pytest
from seen import Given, event, verdict

from skelmap.monitor.web import WebPage
from skelmap.utils.errors import UserError


@pytest.fixture
def page() -> Iterator[WebPage]:
    page = WebPage("127.0.0.1", 0, ["LSTM-VAE"], threshold=0.8)
    yield page
    page.close()


def ask(page: WebPage, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def test_the_page_loads_nothing_from_elsewhere(page: WebPage) -> None:
    answer = ask(page, "/")
    assert answer.status == 200 and "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    text = answer.read().decode()
    assert "http" not in text and '<script src="/page.js">' in text
    for part in ("/page.js", "/page.css"):
        assert ask(page, part).status == 200


def test_the_stream_tells_skeletons_scores_and_alarms(page: WebPage) -> None:
    page.begin(Given([], name="gate <b>"))
    page.frame(verdict(30, 0.5), 4.2)
    page.frame(verdict(31, 0.9, alarmed=True), 4.2)
    page.event(event(ended=False))
    line = ask(page, "/stream").readline().decode()
    state = json.loads(line.removeprefix("data: "))
    assert (state["source"], state["score"], state["threshold"], state["latency_ms"]) == ("gate <b>", 0.9, 0.8, 4.2)
    (person,) = state["people"]
    assert person["alarm"] is True and len(person["joints"]) == 25 and state["about"] == ["LSTM-VAE"]
    assert [score for _, score in state["curve"]] == [0.5, 0.9]
    assert state["events"][0]["joints"] == ["left_wrist", "nose"]
    page.on_status(["lost"])
    assert page.newer(-1, 1)[1]["troubles"] == ["lost"]


def test_who_looks_to_the_end_is_told_that_it_is_the_end() -> None:
    page = WebPage("127.0.0.1", 0)
    stream = ask(page, "/stream")
    stream.readline()
    page.close()
    said = [json.loads(line.removeprefix("data: ")) for line in stream.read().decode().split("\n") if line]
    assert said[-1]["troubles"] == ["the monitor has ended"]


def test_other_names_for_this_machine_and_other_paths_are_refused(page: WebPage) -> None:
    assert ask(page, "/stream", host="evil.example").status == 403
    assert ask(page, "/", host=f"localhost:{page.port}").status == 200
    for path in ("/../page.py", "/page.html", "/%2e%2e/page.py", "/nothing"):
        assert ask(page, path).status == 404
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("POST", "/")
    assert connection.getresponse().status == 501


def test_a_port_that_is_taken_is_said(page: WebPage) -> None:
    with pytest.raises(UserError, match=f"page={page.port}: cannot listen"):
        WebPage("127.0.0.1", page.port)

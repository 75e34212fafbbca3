"""The web page in a headless Chromium: live view, review, zones, and a monitor that is gone."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor_events import RULE, ListSource, NoseHeightScorer, pose_frame
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.evidence import Evidence, Retention
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Heartbeat
from skelmap.monitor.sources import PoseFrame
from skelmap.monitor.web.server import WebAddress, WebPage
from skelmap.monitor.zones import ZoneFile

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package of this name)"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class LiveSource(ListSource):
    """A second of normal work and two of an alarm, in turn, at 30 frames per second until it is stopped."""

    stopped = False

    def __iter__(self) -> Iterator[PoseFrame]:
        number, start = 0, time.monotonic()
        while not self.stopped:
            time.sleep(max(0.0, start + number / 30 - time.monotonic()))
            yield pose_frame(number, 2, nose_up=number % 180 > 30 and number % 180 < 90)
            number += 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[WebPage, LiveSource]]:
    folder, source = tmp_path / "gate", LiveSource([], "gate")
    folder.mkdir()
    page = WebPage(folder, WebAddress(0), RULE.on, ["nose height"])
    zones = ZoneFile(folder / "zones.yaml")
    heartbeat = Heartbeat(folder, page=page.address, zones=zones.path)
    sinks = [page, EventLog(folder, RULE.on), Evidence(folder, RULE, 0.5, Retention()), heartbeat]
    monitor = Monitor(NoseHeightScorer(), RULE, sinks, zones=zones)
    thread = threading.Thread(target=monitor.run, args=[[source]])
    thread.start()
    yield page, source
    source.stopped = True
    thread.join()


@pytest.fixture
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def test_review_zones_and_the_end_of_the_monitor(watched: tuple[WebPage, LiveSource], browser: Any) -> None:
    page, source = watched
    tab, faults = browser.new_page(viewport={"width": 1400, "height": 900}), []
    tab.set_default_timeout(60_000)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("dialog", lambda dialog: faults.append(dialog.message))
    tab.goto(page.address)
    tab.wait_for_selector("#banner:not([hidden])")
    for width, height in ((1400, 900), (390, 844)):  # score and threshold are on the first screen
        tab.set_viewport_size({"width": width, "height": height})
        assert tab.locator("#curve").bounding_box()["y"] + 110 <= height
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.set_viewport_size({"width": 1400, "height": 900})
    tab.wait_for_selector("#events video")
    tab.locator("#events input").last.fill("reached for a lamp")
    tab.locator("#events button.false").last.click()
    tab.wait_for_selector("#events button.false[aria-pressed=true]")
    assert '"verdict": "false", "note": "reached for a lamp"' in (page.folder / "events.jsonl").read_text()

    tab.click("#edit-zones")
    tab.fill("#zone-name", "press")
    tab.fill("#zone-seconds", "0.5")
    box = tab.locator("#camera").bounding_box()
    for x, y in ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)):
        tab.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.click("#zone-save")
    tab.locator("#zone-error", has_text="cross").wait_for()
    for _ in range(4):
        tab.click("#zone-undo")
    for x, y in ((0.1, 0.02), (0.9, 0.02), (0.9, 0.98), (0.1, 0.98)):
        tab.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.click("#zone-save")
    tab.locator("#zone-editor").wait_for(state="hidden")
    tab.locator("#events li", has_text="zone press").first.wait_for()

    source.stopped = True
    tab.wait_for_selector("body.gone")
    assert "the monitor" in tab.inner_text("#status") and tab.locator("#banner").is_hidden()
    assert faults == []

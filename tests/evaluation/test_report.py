import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from evaluation_inputs import make_recording, make_rows, noisy_predictions, one_clip, three_clips
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.examples import Examples, pick_windows, sample_latents
from skelmap.evaluation.report import Report, write_report
from skelmap.evaluation.results import console_table, write_results

pytestmark = pytest.mark.usefixtures("drawn_figures")


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def full_report(window: int = 10) -> Report:
    rows = three_clips(length=120)
    predictions = noisy_predictions(rows, window, latents=4)
    windows = pick_windows(predictions, rows)
    maps = np.random.default_rng(0).random((len(windows.start), 10, 1, 14, 14))
    return Report(
        title="A <b>run</b>",
        model="LSTM-VAE<script>",
        data="site<script>",
        simulated=True,
        result=evaluate(predictions, rows),
        examples=Examples(maps.round(), maps, windows.label, windows.title, windows.score, ("body",)),
        latents=sample_latents(predictions, rows),
        history={"train/loss": [2.0, 1.0], "val/loss": [2.5, 1.5]},
        config_yaml="seed: 0 # <script>",
        versions={"torch<script>": "<script>"},
        notes=["Mind the <script>."],
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("run"), full_report())


def test_names_are_escaped_and_there_are_no_external_resources(written: Path) -> None:
    html = written.read_text(encoding="utf-8")
    page = Page(html)
    assert not {"script", "b>run", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "<script" not in html
    assert "A <b>run</b>" in page.text
    for words in ("LSTM-VAE<script>", "site<script>", "torch<script>", "Mind the <script>.", "seed: 0 # <script>"):
        assert words in page.text
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == 7
    assert all(s is not None and s.startswith("data:image/png;base64,") for s in sources)
    assert not re.search(r"https?://|url\(|@import", html)


def test_figures_are_written_as_files_and_embedded(written: Path) -> None:
    names = ["histogram", "latents", "precision_recall", "reconstructions", "roc", "scores", "training"]
    files = sorted((written.parent / "figures").iterdir())
    assert [f.name for f in files] == [f"{name}.png" for name in names]
    html = written.read_text(encoding="utf-8")
    assert all(base64.b64encode(f.read_bytes()).decode() in html for f in files)


def test_the_page_shows_the_metrics(written: Path) -> None:
    page, result = Page(written.read_text(encoding="utf-8")), full_report().result
    for score in (result.primary, result.variant):
        low, high, _ = score.auroc.interval
        assert f"{score.auroc.value:.3f}" in page.text
        assert f"{low:.3f} to {high:.3f}" in page.text
    for action in result.primary.actions:
        assert action.action in page.text and f"{action.auroc.value:.3f}" in page.text
    assert "simulated data" in page.text


def test_real_data_have_no_badge(tmp_path: Path) -> None:
    report = replace(full_report(), simulated=False, latents=None, examples=None)
    assert "simulated" not in Page(write_report(tmp_path, report).read_text(encoding="utf-8")).text


def test_one_class_is_reported_with_a_reason(tmp_path: Path) -> None:
    rows = one_clip()
    path = write_report(tmp_path, Report("t", "PCA", "d", False, evaluate(noisy_predictions(rows, 1), rows)))
    text = Page(path.read_text(encoding="utf-8")).text
    assert "all 50 evaluated frames are normal; an AUROC needs normal and abnormal ones" in text
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["histogram.png", "scores.png"]


def test_collapsed_latents_are_noted_and_not_drawn(tmp_path: Path) -> None:
    report = full_report()
    assert report.latents is not None
    collapsed = report.latents._replace(mu=np.zeros_like(report.latents.mu))
    path = write_report(tmp_path, replace(report, latents=collapsed))
    assert "the posterior has collapsed" in Page(path.read_text(encoding="utf-8")).text
    assert not (tmp_path / "figures" / "latents.png").exists()
    assert report.notes == ["Mind the <script>."]


def test_abnormal_frames_left_out_are_stated_everywhere(tmp_path: Path) -> None:
    recordings = [make_recording("a", ((30, 53),)), make_recording("b")]
    rows = make_rows([[(0, 50), (51, 54)], [(0, 50)]], [(0, 54), (0, 50)], recordings, 10, fps=0.4)
    result = evaluate(noisy_predictions(rows, 1), rows)
    output = io.StringIO()
    Console(file=output, width=120).print(console_table(result))
    text = " ".join(output.getvalue().split())
    assert "3 of 104 frames and 0 of 1 events come before anybody has been seen for 10 frames: they could" in text
    assert "3 of these frames, 2 of them abnormal, have no score" in text
    page = Page(write_report(tmp_path, Report("t", "PCA", "d", False, result)).read_text(encoding="utf-8"))
    assert "abnormal frames among them" in page.text
    assert write_results(tmp_path, result)["counts"]["left_out_abnormal"] == 2


def test_the_console_table_has_no_markup() -> None:
    result = full_report().result
    output = io.StringIO()
    Console(file=output, width=120).print(console_table(result, "[red]run[/red]"))
    shown = output.getvalue()
    assert "[red]run[/red]" in shown
    assert "run (against all normal frames)" in shown
    low, high, _ = result.primary.auroc.interval
    assert f"{result.primary.auroc.value:.3f} │ {low:.3f} to {high:.3f}" in shown

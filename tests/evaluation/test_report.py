import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import plausible, recording, rows_of, three_clips
from rich.console import Console

from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.examples import Examples, pick_windows, sample_latents
from skelmap.evaluation.report import Report, write_report
from skelmap.evaluation.results import console_table, write_results


class Page(HTMLParser):
    """Collects the tags and the text of a page."""

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
    predictions = plausible(rows, window, latents=4)
    picks = pick_windows(predictions, rows)
    maps = np.random.default_rng(0).random((len(picks.start), 10, 1, 14, 14))
    return Report(
        title="A <b>run</b>",
        model="LSTM-VAE<script>",
        data="site<script>",
        simulated=True,
        judgement=evaluate(predictions, rows),
        examples=Examples(maps.round(), maps, picks.label, picks.title, picks.score, ("body",)),
        latents=sample_latents(predictions, rows),
        history={"train/loss": [2.0, 1.0], "val/loss": [2.5, 1.5]},
        config_yaml="seed: 0 # <script>",
        versions={"torch<script>": "<script>"},
        notes=["Mind the <script>."],
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("run"), full_report())


def test_names_are_escaped_and_nothing_is_fetched(written: Path) -> None:
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


def test_figures_are_also_files_and_the_same(written: Path) -> None:
    names = ["histogram", "latents", "precision_recall", "reconstructions", "roc", "scores", "training"]
    files = sorted((written.parent / "figures").iterdir())
    assert [f.name for f in files] == [f"{name}.png" for name in names]
    html = written.read_text(encoding="utf-8")
    assert all(base64.b64encode(f.read_bytes()).decode() in html for f in files)


def test_the_numbers_are_on_the_page(written: Path) -> None:
    page, judgement = Page(written.read_text(encoding="utf-8")), full_report().judgement
    for scoring in (judgement.primary, judgement.variant):
        low, high, _ = scoring.area.interval
        assert f"{scoring.area.value:.3f}" in page.text
        assert f"{low:.3f} to {high:.3f}" in page.text
    for work in judgement.primary.works:
        assert work.work in page.text and f"{work.area.value:.3f}" in page.text
    assert "simulated data" in page.text


def test_real_data_bear_no_badge(tmp_path: Path) -> None:
    report = replace(full_report(), simulated=False, latents=None, examples=None)
    assert "simulated" not in Page(write_report(tmp_path, report).read_text(encoding="utf-8")).text


def test_one_class_is_reported_without_an_auroc(tmp_path: Path) -> None:
    rows = rows_of([[(0, 50)]], [(0, 50)], [recording("a")], 10)
    path = write_report(tmp_path, Report("t", "PCA", "d", False, evaluate(plausible(rows, 1), rows)))
    text = Page(path.read_text(encoding="utf-8")).text
    assert "all 50 judged frames are normal; an AUROC needs normal and abnormal ones" in text
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["histogram.png", "scores.png"]


def test_collapsed_latents_are_said_not_drawn(tmp_path: Path) -> None:
    report = full_report()
    assert report.latents is not None
    collapsed = report.latents._replace(mu=np.zeros_like(report.latents.mu))
    path = write_report(tmp_path, replace(report, latents=collapsed))
    assert "the posterior has collapsed" in Page(path.read_text(encoding="utf-8")).text
    assert not (tmp_path / "figures" / "latents.png").exists()
    assert report.notes == ["Mind the <script>."]


def test_abnormal_frames_that_are_not_judged_are_said_in_all_places(tmp_path: Path) -> None:
    recordings = [recording("a", ((30, 53),)), recording("b")]
    rows = rows_of([[(0, 50), (51, 54)], [(0, 50)]], [(0, 54), (0, 50)], recordings, 10)
    judgement = evaluate(plausible(rows, 1), rows)
    output = io.StringIO()
    Console(file=output, width=120).print(console_table(judgement))
    said = " ".join(output.getvalue().split())
    assert "3 frames are not judged, 2 of them abnormal: everybody in them is seen for fewer than 10 frames" in said
    page = Page(write_report(tmp_path, Report("t", "PCA", "d", False, judgement)).read_text(encoding="utf-8"))
    assert "abnormal frames among them" in page.text
    assert write_results(tmp_path, judgement)["counts"]["left_out_abnormal"] == 2


def test_console_table_shows_names_as_they_are() -> None:
    judgement = full_report().judgement
    output = io.StringIO()
    Console(file=output, width=120).print(console_table(judgement, "[red]run[/red]"))
    shown = output.getvalue()
    assert "[red]run[/red]" in shown
    assert "run (against all normal frames)" in shown
    low, high, _ = judgement.primary.area.interval
    assert f"{judgement.primary.area.value:.3f} │ {low:.3f} to {high:.3f}" in shown

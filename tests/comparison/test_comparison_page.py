"""The written comparison: tables, page, figures, the command, the callback at the end of a sweep."""

import base64
import csv
import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from skelmap.cli import main
from skelmap.comparison.comparison import Comparison, compare_runs
from skelmap.comparison.tables import markdown, method_note, run_rows
from skelmap.comparison.write import CompareAtSweepEnd, write_comparison
from skelmap.evaluation.plots.style import png
from synthetic_sweeps import write_failed, write_run

pytestmark = pytest.mark.usefixtures("drawn_figures")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full grid over two models, two values of three keys, and two seeds; and three runs without results."""
    folder = tmp_path_factory.mktemp("sweeps") / "grid<b>"
    for i in range(32):
        model, size, t = ("ae", "lstm_vae")[i % 2], (14, 28)[i // 2 % 2], (10, 30)[i // 4 % 2]
        overrides = {"data.img_size": size, "data.seq_len": t, "data.maps.resample": ("area", "a|<i>")[i // 16]}
        write_run(folder / f"run{i:02}", model, i // 8 % 2, overrides, effect=0.5 + size / 28)
    write_failed(folder / "failed|one", "Traceback\nValueError: <script>alert(1)</script>")
    write_failed(folder / "unfinished", None)
    (write_run(folder / "torn", "ae") / "metrics.json").write_text("{")
    write_comparison(compare_runs(folder))
    return folder


@pytest.fixture(scope="module")
def comparison(sweep: Path) -> Comparison:
    return compare_runs(sweep)


def test_the_written_files(sweep: Path) -> None:
    folder = sweep / "comparison"
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == {
        "runs.csv", "table.csv", "table.md", "events.csv", "paired.csv", "comparison.html", "figures/auroc_model.png",
        "figures/auroc_img_size.png", "figures/auroc_seq_len.png", "figures/auroc_resample.png",
        "figures/heat_seq_len_img_size.png", "figures/roc.png", "figures/actions.png",
    }  # fmt: skip


def test_the_tables_hold_all_runs_settings_and_pairs(sweep: Path) -> None:
    runs, table, paired = (read_csv(sweep / "comparison" / f"{name}.csv") for name in ("runs", "table", "paired"))
    assert [row["state"] for row in runs].count("finished") == 32 and len(runs) == 35
    assert {row["cause"][:25] for row in runs if row["state"] == "failed"} == {"ValueError: <script>alert"}
    assert float(runs[0]["auroc_interval_high"]) == 0.9 and runs[0]["counts.clips"] == "6"
    assert len(table) == 48  # 16 settings, three score types each
    assert {row["seeds"] for row in table} == {"2"} and {row["simulated"] for row in table} == {"True"}
    for row in table:
        assert 0 <= float(row["auroc_low"]) <= float(row["auroc"]) <= float(row["auroc_high"]) <= 1
    for row in paired:
        assert float(row["difference"]) == pytest.approx(float(row["auroc_second"]) - float(row["auroc_first"]))
        assert float(row["p"]) <= float(row["p_holm"]) <= 1
    keys = {"model", "score_type", "data.img_size", "data.seq_len", "data.maps.resample"}
    assert {row["key"] for row in paired} == keys


def test_the_markdown_file_is_a_table_with_notes(sweep: Path, comparison: Comparison) -> None:
    text = (sweep / "comparison" / "table.md").read_text(encoding="utf-8")
    assert text == markdown(comparison)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 50
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(re.findall(r"\|", rows[0]))}
    assert method_note(comparison) in text and "simulated-paper-0 (simulated)" in text
    assert r"failed\|one: failed: ValueError" in text


class Page(HTMLParser):
    """The tags of a page with their attributes, and the tags that are never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.unclosed: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "br", "link"):
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag


def test_the_page_is_self_contained_and_escapes_names(sweep: Path) -> None:
    text = (sweep / "comparison" / "comparison.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.unclosed == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "i", "iframe"}
    images = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 7 and all(src and src.startswith("data:image/png;base64,iVBOR") for src in images)
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert "simulated data" in text and "&lt;script&gt;" in text and "grid&lt;b&gt;" in text
    assert "32 runs finished, 1 failed, 1 unfinished, 1 damaged" in text
    assert str(sweep.parent) not in text
    assert "<h1>Comparison of model, seq_len, img_size and resample " in text


def test_writing_a_comparison_again_gives_the_same_page(sweep: Path) -> None:
    page = sweep / "comparison" / "comparison.html"
    before = page.read_bytes()
    assert write_comparison(compare_runs(sweep)) == page
    assert page.read_bytes() == before


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_are_marked(tmp_path: Path, simulated: bool) -> None:
    write_run(tmp_path / "a", simulated=simulated)
    page = write_comparison(compare_runs(tmp_path))
    for path in (page, page.with_name("table.md")):
        assert ("simulated)" in path.read_text(encoding="utf-8")) == simulated


def test_one_run_with_one_clip_and_no_actions_is_enough(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "lstm_vae")
    text = (run / "metrics.json").read_text()
    (run / "metrics.json").write_text(re.sub(r'"actions": \[.*?\]', '"actions": []', text))
    lines = (run / "scores.csv").read_text().splitlines()
    (run / "scores.csv").write_text("\n".join(line for line in lines if line.startswith(("clip", "test_00"))))
    page = write_comparison(compare_runs(tmp_path)).read_text(encoding="utf-8")
    assert "an interval needs at least 2 clips" in page
    assert read_csv(tmp_path / "comparison" / "paired.csv") == []


def test_runs_with_one_class_give_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    lines = (run / "scores.csv").read_text().splitlines()
    (run / "scores.csv").write_text("\n".join(line for line in lines if line.split(",")[2] != "1"))
    page = write_comparison(compare_runs(tmp_path)).read_text(encoding="utf-8")
    assert "an AUROC needs both" in page and "<img" not in page


def test_the_page_shows_figures_of_the_first_run_of_each_model(tmp_path: Path) -> None:
    images = {}
    for model, seed in (("ae", 0), ("ae", 1), ("lstm_vae", 0), ("lstm_vae", 1)):
        figures = write_run(tmp_path / f"{model}{seed}", model, seed) / "figures"
        figures.mkdir()
        for name in ("scores", "latents") if model == "ae" else ("scores",):
            images[model, seed, name] = png(Figure(figsize=(1 + seed, 1)))
            (figures / f"{name}.png").write_bytes(images[model, seed, name])
    text = write_comparison(compare_runs(tmp_path)).read_text(encoding="utf-8")
    for (_, seed, _), image in images.items():
        assert (base64.b64encode(image).decode() in text) == (seed == 0)
    copies = {path.name for path in (tmp_path / "comparison" / "figures").glob("*e_*.png")}
    assert copies == {"ae_scores.png", "ae_latents.png", "lstm_vae_scores.png"}
    assert "AE: score over the frames" in text and "One run: ae0." in text


def test_different_revisions_of_the_code_are_noted(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    (write_run(tmp_path / "b", seed=1) / "versions.json").write_text('{"git": "def456"}')
    assert "different revisions" in compare_runs(tmp_path).notes[0]


def test_failed_runs_keep_their_swept_keys(comparison: Comparison) -> None:
    rows = {row["run"]: row for row in run_rows(comparison)}
    assert rows["unfinished"]["data.img_size"] == 14 and "auroc" not in rows["unfinished"]


def test_the_command_writes_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "sweep" / "a")
    main(["compare", str(tmp_path / "sweep")])
    printed = capsys.readouterr().out
    assert "AE" in printed and "averaged" in printed
    assert str(tmp_path / "sweep" / "comparison" / "comparison.html") in printed
    with pytest.raises(SystemExit, match="no such folder"):
        main(["compare", str(tmp_path / "lost")])


def test_the_callback_compares_at_the_end_of_a_sweep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a")
    caplog.set_level(logging.INFO)
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert (tmp_path / "comparison" / "comparison.html").exists()
    assert "AE" in capsys.readouterr().out
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "lost")}}}))
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({}))
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2 and "no such folder" in warnings[0]

import csv
import logging
import re
import runpy
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from study_cases import write_cell, write_failed

from skelmap.comparison.comparison import Comparison, build_comparison
from skelmap.comparison.tables import cell_rows, how, markdown
from skelmap.comparison.write import CompareAtSweepEnd, write_comparison

ROOT = Path(__file__).parents[2]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, two sizes, two lengths, two ways to resample, two data sets in part, two seeds; three broken runs."""
    folder = tmp_path_factory.mktemp("sweeps") / "grid<b>"
    for i in range(32):
        model, size, t = ("ae", "lstm_vae")[i % 2], (14, 28)[i // 2 % 2], (10, 30)[i // 4 % 2]
        overrides = {"data.img_size": size, "data.seq_len": t, "data.maps.resample": ("area", "a|<i>")[i // 16]}
        write_cell(folder / f"cell{i:02}", model, i // 8 % 2, overrides, effect=0.5 + size / 28)
    write_failed(folder / "failed|one", "Traceback\nValueError: <script>alert(1)</script>")
    write_failed(folder / "unfinished", None)
    (write_cell(folder / "torn", "ae") / "metrics.json").write_text("{")
    write_comparison(folder)
    return folder


@pytest.fixture(scope="module")
def study(sweep: Path) -> Comparison:
    return build_comparison(sweep)


def test_what_is_written(sweep: Path) -> None:
    folder = sweep / "study"
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == {
        "cells.csv", "table.csv", "table.md", "paired.csv", "study.html", "figures/auroc_model.png",
        "figures/auroc_img_size.png", "figures/auroc_seq_len.png", "figures/auroc_resample.png",
        "figures/heat_seq_len_img_size.png", "figures/roc.png", "figures/works.png",
    }  # fmt: skip


def test_tables(sweep: Path) -> None:
    cells, table, paired = (read(sweep / "study" / f"{name}.csv") for name in ("cells", "table", "paired"))
    assert [row["state"] for row in cells].count("finished") == 32 and len(cells) == 35
    assert {row["cause"][:25] for row in cells if row["state"] == "failed"} == {"ValueError: <script>alert"}
    assert float(cells[0]["auroc_interval_high"]) == 0.9 and cells[0]["counts.clips"] == "6"
    assert len(table) == 32  # 16 settings, two scorings each
    assert {row["seeds"] for row in table} == {"2"} and {row["simulated"] for row in table} == {"True"}
    for row in table:
        assert 0 <= float(row["auroc_low"]) <= float(row["auroc"]) <= float(row["auroc_high"]) <= 1
    for row in paired:
        assert float(row["difference"]) == pytest.approx(float(row["auroc_second"]) - float(row["auroc_first"]))
        assert float(row["p"]) <= float(row["p_holm"]) <= 1
    assert {row["key"] for row in paired} == {"model", "scoring", "data.img_size", "data.seq_len", "data.maps.resample"}


def test_markdown_is_a_table_and_says_how(sweep: Path, study: Comparison) -> None:
    text = (sweep / "study" / "table.md").read_text(encoding="utf-8")
    assert text == markdown(study)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 34
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(re.findall(r"\|", rows[0]))}
    assert how(study) in text and "simulated-paper-0 (simulated)" in text
    assert r"failed\|one: failed: ValueError" in text


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_escapes(sweep: Path) -> None:
    text = (sweep / "study" / "study.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "i", "iframe"}
    images = [attributes["src"] for tag, attributes in page.seen if tag == "img"]
    assert len(images) == 7 and all(src and src.startswith("data:image/png;base64,iVBOR") for src in images)
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert "simulated data" in text and "&lt;script&gt;" in text and "grid&lt;b&gt;" in text
    assert "32 cells finished, 1 failed, 1 unfinished, 1 damaged" in text
    assert str(sweep.parent) not in text


def test_the_same_study_twice_is_the_same(sweep: Path) -> None:
    page = sweep / "study" / "study.html"
    before = page.read_bytes()
    assert write_comparison(sweep) == page
    assert page.read_bytes() == before


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_is_said_where_it_is_so(tmp_path: Path, simulated: bool) -> None:
    write_cell(tmp_path / "a", simulated=simulated)
    page = write_comparison(tmp_path)
    for path in (page, page.with_name("table.md")):
        assert ("simulated)" in path.read_text(encoding="utf-8")) == simulated


def test_one_run_one_clip_without_works_is_enough(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "a", "lstm_vae")
    text = (cell / "metrics.json").read_text()
    (cell / "metrics.json").write_text(re.sub(r'"actions": \[.*?\]', '"actions": []', text))
    lines = (cell / "scores.csv").read_text().splitlines()
    (cell / "scores.csv").write_text("\n".join(line for line in lines if line.startswith(("clip", "test_00"))))
    page = write_comparison(tmp_path).read_text(encoding="utf-8")
    assert "an interval needs at least 2 clips" in page
    assert read(tmp_path / "study" / "paired.csv") == []


def test_runs_without_both_classes_still_make_a_page(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "a")
    lines = (cell / "scores.csv").read_text().splitlines()
    (cell / "scores.csv").write_text("\n".join(line for line in lines if line.split(",")[2] != "1"))
    page = write_comparison(tmp_path).read_text(encoding="utf-8")
    assert "an AUROC needs both" in page and "<img" not in page


def test_revisions_that_differ_are_noted(tmp_path: Path) -> None:
    write_cell(tmp_path / "a")
    (write_cell(tmp_path / "b", seed=1) / "versions.json").write_text('{"git": "def456"}')
    assert "different revisions" in build_comparison(tmp_path).notes[0]


def test_broken_cells_keep_their_swept_keys(study: Comparison) -> None:
    rows = {row["cell"]: row for row in cell_rows(study)}
    assert rows["unfinished"]["data.img_size"] == 14 and "auroc" not in rows["unfinished"]


def test_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path / "sweep" / "a")
    script = str(ROOT / "scripts" / "study.py")
    monkeypatch.setattr(sys, "argv", [script, str(tmp_path / "sweep")])
    runpy.run_path(script, run_name="__main__")
    printed = capsys.readouterr().out
    assert "AE" in printed and "averaged" in printed
    assert str(tmp_path / "sweep" / "study" / "study.html") in printed
    monkeypatch.setattr(sys, "argv", [script, str(tmp_path / "lost")])
    with pytest.raises(SystemExit, match="no such folder"):
        runpy.run_path(script, run_name="__main__")


def test_callback(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path / "a")
    caplog.set_level(logging.INFO)
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert (tmp_path / "study" / "study.html").exists()
    assert "AE" in capsys.readouterr().out
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "lost")}}}))
    CompareAtSweepEnd().on_multirun_end(OmegaConf.create({}))
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2 and "no such folder" in warnings[0]

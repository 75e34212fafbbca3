"""README and docs: what they link to is there, and what they list is complete."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES = [ROOT / "README.md", *MAKERS, *sorted((ROOT / "docs").rglob("*.md"))]
LAB = ROOT / "docs" / "lab"
"""Measurements and how choices were made; the other pages are for users."""
MAX_WORDS = 9_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", _text(page)) if "://" not in link]
    lost = []
    for link in links:
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        if not target.is_file() or (heading and heading not in _headings(target)):
            lost.append(link)
    assert lost == []


def test_every_page_and_picture_is_linked() -> None:
    linked = {(page.parent / link).resolve() for page in PAGES for link in re.findall(r"\]\(([^)\s#]+)", _text(page))}
    there = {path for path in (ROOT / "docs").rglob("*") if path.is_file()}
    assert sorted(there - linked) == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = re.findall(r"[\w/]+\.md$", _text(ROOT / "mkdocs.yml").partition("\nnav:")[2], re.MULTILINE)
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(navigation) == sorted([*pages, "index.md", *(page.name for page in MAKERS)])


def test_the_readme_lists_every_model() -> None:
    table = _text(ROOT / "README.md").partition("| `model=` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == {path.stem for path in (ROOT / "conf/model").glob("*.yaml")}


def test_pages_for_users_stay_short() -> None:
    pages = [page for page in PAGES if page not in MAKERS and not page.is_relative_to(LAB)]
    words = {str(page.relative_to(ROOT)): len(_text(page).split()) for page in pages}
    assert sum(words.values()) <= MAX_WORDS, words


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _headings(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of a page's headings."""
    prose = re.sub(r"```.*?```", "", _text(page), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    }

"""Hook of mkdocs.yml: makes pages of the files at the top of the repository, with README.md as the first one.

Links are written for the repository, where README.md is one folder above the pages; on the site all stand together.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP = {"README.md": "index.md", **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff")}}
"""Files at the top of the repository, and their places on the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files at the top to the pages of docs/."""
    for name, page in TOP.items():
        text = (Path(config.config_file_path).parent / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=re.sub(r"\]\((?:docs/)?", "](", text)))
    return files


def on_page_markdown(markdown: str, page: Page, **others: Any) -> str:
    """Point links to files at the top of the repository to their pages.

    Args:
        markdown: content of the page.
        page: its place gives the number of folders above it.
        others: not used.
    """
    up = "../" * page.file.src_uri.count("/")
    for name, target in TOP.items():
        markdown = markdown.replace(f"]({up}../{name}", f"]({up}{target}")
        if page.file.src_uri in TOP.values():
            markdown = markdown.replace(f"]({name}", f"]({target}")
    return markdown

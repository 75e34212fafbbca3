"""Hook of mkdocs.yml: makes pages of files at the top of the repository, with README.md as the first one.

Links are written for the repository, where README.md is one folder above the pages; on the site all stand together.
Links to other files outside docs/, such as source code, become plain text.
"""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP = {"README.md": "index.md", **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff")}}
"""Files at the top of the repository, and their places on the site."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files at the top to those of docs/."""
    for name, place in TOP.items():
        content = (Path(config.config_file_path).parent / name).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **others: Any) -> str:
    """Write the links of a page for the site.

    Args:
        markdown: content of the page.
        page: where it stands on the site.
        config: of the site.
        others: not used.
    """
    docs, root = Path(config.docs_dir), Path(config.docs_dir).parent
    sources = {place: root / name for name, place in TOP.items()}
    source = sources.get(page.file.src_uri, docs / page.file.src_uri)

    def on_site(link: re.Match[str]) -> str:
        text, path, heading = link[1], link[2], link[3] or ""
        target = (source.parent / path).resolve()
        if not target.exists():  # an address, a dead link, or code that looks like one
            return link[0]
        place = target.relative_to(docs) if target.is_relative_to(docs) else TOP.get(str(target.relative_to(root)))
        if place is None:
            return text
        return f"[{text}]({os.path.relpath(place, Path(page.file.src_uri).parent)}{heading})"

    return LINK.sub(on_site, markdown)

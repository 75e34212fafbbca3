"""Write self-contained HTML pages: reports of runs and comparisons."""

from pathlib import Path
from typing import Any

from skelmap.utils.io import atomic_write


def write_html(path: Path, template: str, **values: Any) -> None:
    """Render a template and write the page.

    The template escapes all values, because clips, actions and configurations come from others.

    Args:
        path: of the page.
        template: path in the package; it extends evaluation/page.html.j2.
        values: of the template, which also gets `number`, see `format_number`.

    Raises:
        UserError: the page cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("skelmap", ""),
        autoescape=True,  # jinja's default goes by the file ending and does not know .j2
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template(template).render(number=format_number, **values)
    with atomic_write(path) as file:
        file.write(page)


def format_number(value: float | None, digits: int = 3) -> str:
    """Format a number with a fixed number of digits after the point; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"

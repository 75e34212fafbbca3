"""Where tables are printed."""

from rich.console import Console

WIDE = 160
"""Characters in a line of a file; rich takes 80, in which a study's table breaks every word."""


def stdout() -> Console:
    """Open standard output, as wide as the terminal, or wide where it goes to a file or another program."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)

"""Argument parsers of commands."""

import inspect
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable


def command_parser(command: Callable[..., None]) -> ArgumentParser:
    """Create the parser of a command, named like the function and described by its docstring."""
    description = inspect.getdoc(command)
    return ArgumentParser(
        f"skelmap {command.__name__}", description=description, formatter_class=RawDescriptionHelpFormatter
    )

"""Values of configuration keys: their order and how they are written."""

Value = str | int | float | bool | None
"""What a configuration key holds; lists are written as text."""


def order(value: Value) -> tuple[int, float, str]:
    """Sort nothing first, then numbers, then words."""
    if value is None:
        return 0, 0, ""
    return (1, value, "") if isinstance(value, int | float) else (2, 0, str(value))


def text(value: Value) -> str:
    """Write a value for readers."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)

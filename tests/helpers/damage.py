"""Damage bytes, nested values and files at random, reproducibly."""

import copy
import os
from pathlib import Path
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**31, 2**63, -(2**63), 10**30, 10**4000, 0.5, -0.0, 1e30, 1e308, -1e308, float("nan"),
    float("inf"), float("-inf"), "", "x", "NaN", "1e400", "0" * 5000, "9" * 30, "9" * 5000, "a\0b", "\x1b[2J", "名前",
    "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "<script>alert('x')</script>", "${oc.env:HOME}",
    "${nowhere}", "???", "!!python/object/apply:os.system [id]", "A" * 100_000, [], {}, [[]], [None], [1, 2, 3],
    ["x"] * 75, [0.0] * 54, [0.0] * 76, [1e30] * 75, {"a": {"b": []}}, "os.system",
    {"_target_": "os.system", "command": "touch /tmp/skelmap_code_ran"},
)  # fmt: skip
"""Values of wrong types, sizes and meanings."""
YAML_VALUES = tuple(value for value in ODD_VALUES if value != 10**4000)
"""Those that YAML can write."""


def corrupt(content: bytes, rng: Random) -> bytes:
    """Cut, repeat, flip, insert or replace bytes, as faulty disks, networks and editors do."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(content) + 1)
        size = rng.choice((1, 1, 2, 8, 64, 1000))
        before, middle, after = content[:at], content[at : at + size], content[at + size :]
        middle = rng.choice(
            (
                b"",
                rng.randbytes(size),
                rng.randbytes(size) + middle,
                middle * rng.choice((2, 3, 50)),
                bytes([middle[0] ^ 1 << rng.randrange(8)]) + middle[1:] if middle else b"",
                rng.choice((b"\0", b"\xff\xfe", b"\xc3\x28", b"1e999", b"-", b"[" * 3000, b'"')) + middle,
            )
        )
        content = rng.choice((before, middle + after, *[before + middle + after] * 4))
    return content


def positions(tree: Any) -> list[tuple[Any, Any]]:
    """List every (container, key) of nested dicts and lists."""
    items = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    return [(tree, key) for key, _ in items] + [position for _, value in items for position in positions(value)]


def change_values(tree: Any, rng: Random, odd: tuple[Any, ...] = ODD_VALUES) -> Any:
    """Copy nested values; replace, remove, repeat or wrap one to three of them."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 3))):
        found = positions(tree)
        if not found:
            return rng.choice(odd)
        container, key = rng.choice(found)
        how = rng.randrange(8)
        if how == 0:
            del container[key]
        elif how == 1 and isinstance(container, list):
            container += [copy.deepcopy(container[key]) for _ in range(rng.choice((1, 10, 120)))]
        elif how == 1:
            container[rng.choice(("x", "", "forward", "../x"))] = container[key]
        elif how == 2:
            container[key] = [container[key]]
        else:
            container[key] = copy.deepcopy(rng.choice(odd))
    return tree


def replace_file(path: Path, rng: Random) -> None:
    """Replace a file by a pipe, a folder, a link, a huge empty file, or nothing."""
    path.unlink()
    how = rng.randrange(7)
    if how == 0:
        os.mkfifo(path)
    elif how == 1:
        path.mkdir()
    elif how == 2:
        path.symlink_to("/dev/zero")
    elif how == 3:
        path.symlink_to(path)
    elif how == 4:
        path.symlink_to("/etc/passwd")
    elif how == 5:
        with path.open("wb") as file:
            file.truncate(2**42)
    # how == 6: the file is missing

"""The package layout: imports go one way, no circles, small files and functions, a monitor without torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from hydra_config import ROOT

SOURCE = ROOT / "src" / "skelmap"
FILES = sorted(SOURCE.rglob("*.py"))
LAYERS = (
    {"utils"},
    {"skeletons"},
    {"pose_estimation", "data"},
    {"evaluation"},
    {"models"},
    {"training"},
    {"monitor", "comparison", "tuning"},
    {"hydra_tasks", "api"},
    {"robustness"},
    {"cli"},
    {"__main__"},
)
"""Packages, lowest first: each may import those of lower layers. `simulation` stands apart."""
SIMULATION_IMPORTS = ("skelmap.utils", "skelmap.skeletons", "skelmap.data.rendering")
LOOSE = {"__init__.py", "__main__.py", "api.py", "cli.py", "hydra_tasks.py"}
"""Files beside the packages."""
MAX_FUNCTION, MAX_MEDIAN, MAX_FILE_P90 = 50, 150, 350
"""Lines."""


def module_name(path: Path) -> str:
    """skelmap/data/__init__.py -> skelmap.data"""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the project's modules that a file imports, anywhere in it, also for type checking alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"relative import of {node.module}"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from submodules or {node.module} & MODULES.keys()


TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
IMPORTS = {name: set(imported_modules(tree)) for name, tree in TREES.items()}


def package(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Find a circle in a directed graph by depth-first search; an empty list without any."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node not in done:
            for following in sorted(graph[node]):
                if circle := visit(following, [*path, node]):
                    return circle
            done.add(node)
        return []

    return next((circle for node in sorted(graph) if (circle := visit(node, []))), [])


def test_packages_import_only_lower_layers() -> None:
    layer = {name: height for height, names in enumerate(LAYERS) for name in names}
    apart = {"simulation", "skelmap"}  # tested below; the version number
    assert {package(name) for name in MODULES} - apart - layer.keys() == set(), "packages without a layer"
    wrong = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in sorted(others)
        if not {package(module), package(other)} & apart
        and package(module) != package(other)
        and layer[package(module)] <= layer[package(other)]
    ]
    assert wrong == []


def test_the_simulation_stands_apart() -> None:
    inside = [name for name in MODULES if package(name) == "simulation"]
    allowed = ("skelmap.simulation", *SIMULATION_IMPORTS)
    assert [f"{n} imports {o}" for n in inside for o in sorted(IMPORTS[n]) if not o.startswith(allowed)] == []
    users = {name for name, others in IMPORTS.items() if any(package(other) == "simulation" for other in others)}
    assert {package(name) for name in users} <= {"simulation", "cli"}


def test_no_circle_of_imports() -> None:
    assert find_circle(IMPORTS) == []
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]  # the search finds one


def test_only_packages_and_the_command_line_at_the_top() -> None:
    assert {path.name for path in SOURCE.glob("*.py")} <= LOOSE
    assert all((path / "__init__.py").exists() for path in SOURCE.iterdir() if any(path.glob("*.py")))


def test_functions_are_short() -> None:
    functions = [
        (node.end_lineno - node.lineno + 1, f"{name}.{node.name}")
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sorted(f"{where}: {lines}" for lines, where in functions if lines > MAX_FUNCTION) == []


def test_files_are_short() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if path.name != "__init__.py"]
    assert median(lines) <= MAX_MEDIAN
    assert quantiles(lines, n=10)[-1] <= MAX_FILE_P90


def test_the_monitor_is_imported_without_torch() -> None:
    modules = [name for name in MODULES if package(name) == "monitor" and name != "skelmap.monitor.onnx_export"]
    blocked = "import sys; sys.modules.update(torch=None, pytorch_lightning=None, torchmetrics=None)"
    subprocess.run([sys.executable, "-c", f"{blocked}; import {', '.join(modules)}"], check=True, timeout=60)

"""Imports go down only: no module imports one that stands above it, and none goes in circles."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# From the ground up; a layer may import what stands below it, a package of two also its own files.
LAYERS = (
    (
        "zoo.errors",
        "zoo.checks",
        "zoo.configured",
        "zoo.fused_adam",
        "zoo.keras_registration",
        "zoo.labels",
        "zoo.names",
        "zoo.onednn",
        "zoo.papers",
        "zoo.philox",
        "zoo.pixel_range",
        "zoo.quiet",
        "zoo.registry",
        "zoo.random",
        "zoo.tolerance_range",
    ),
    ("zoo.chains", "zoo.layers", "zoo.distributions", "zoo.schedules"),
    ("zoo.constraints", "zoo.divergences"),
    ("zoo.objectives", "zoo.serving"),
    ("zoo.base",),
    ("zoo.classifiers", "zoo.fetching", "zoo.models", "zoo.sampling"),
    ("zoo.codec", "zoo.hub"),
    ("training",),
)
HEIGHTS = {package: height for height, layer in enumerate(LAYERS) for package in layer}


def module_name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(name, path, modules):
    """The modules that a file imports, at its top and inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [target if target in modules else node.module for target in full]
        else:
            continue
        yield from (target for target in targets if target in modules)


def import_graph(root):
    files = [path for package in ("zoo", "training") for path in (root / package).rglob("*.py")]
    modules = {module_name(path, root): path for path in files}
    return {name: set(imports_of(name, path, modules)) for name, path in modules.items()}


def package_of(name):
    """The entry of LAYERS that a module belongs to; None for `zoo` itself, which holds names."""
    return next((p for p in HEIGHTS if name == p or name.startswith(f"{p}.")), None)


def upward_imports(graph):
    for name, targets in graph.items():
        for target in targets:
            package, other = package_of(name), package_of(target)
            if package is None or other is None or package == other:
                continue
            same = HEIGHTS[package] == HEIGHTS[other] and HEIGHTS[package] > 0
            if HEIGHTS[other] > HEIGHTS[package] or same:
                yield f"{name} imports {target}"


def test_imports_go_down_only():
    assert not list(upward_imports(import_graph(ROOT)))


def test_every_module_stands_in_a_layer():
    homeless = [name for name in import_graph(ROOT) if package_of(name) is None]
    assert homeless == ["zoo"]


def test_no_imports_go_in_circles():
    list(graphlib.TopologicalSorter(import_graph(ROOT)).static_order())  # Raises CycleError.


def test_an_upward_import_and_a_circle_are_found(tmp_path):
    """The tests above can fail."""
    for name, text in {
        "zoo/hub.py": "",
        "zoo/models/a.py": "def f():\n    from zoo import hub",
        "zoo/models/b.py": "import zoo.models.c",
        "zoo/models/c.py": "from zoo.models.b import d",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    graph = import_graph(tmp_path)
    assert list(upward_imports(graph)) == ["zoo.models.a imports zoo.hub"]
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(graph).static_order())

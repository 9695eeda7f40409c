"""`python -m training.documents.site`, which `make site` runs: the documentation as a web site.

The pages are the repository's own, at their own paths, so that their links hold; beside them stands
a reference of every public name, from the docstrings. MkDocs builds them as mkdocs.yml says, and
fails where a link leads nowhere.
"""

import importlib
import shutil
import subprocess
import sys

import zoo
from training.documents.runs import ROOT

__all__ = ["main", "public_names", "stage"]

SOURCE = ROOT / "build" / "site-source"
_FILES = ("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md")
_FOLDERS = ("docs", "examples")
# Of folders that hold more than a page shows.
_PATTERNS = (
    *("savedmodels/*/README.md", "savedmodels/*/figures/*.png"),
    *("benchmarks/README.md", "benchmarks/results/*.json"),
)
_INDEX = """# Reference

Every public name, from its docstring: shapes, units, errors, sources. [choice] marks what no paper
says and was chosen here, [derived] what follows from a paper's formulas and was worked out here.

"""


def main():
    """Stages the pages and builds the site into `build/site`."""
    stage(SOURCE)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    subprocess.run(command, cwd=ROOT, check=True)
    print("Wrote build/site/index.html.")


def stage(folder):
    """Copies every page, and what it shows, to its path below an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    files = [ROOT / name for name in _FILES]
    files += [path for name in _FOLDERS for path in (ROOT / name).rglob("*") if path.is_file()]
    files += [path for pattern in _PATTERNS for path in ROOT.glob(pattern)]
    for file in files:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    _write_reference(folder / "reference")


def _write_reference(folder):
    """Writes a page a module, of directives from which mkdocstrings makes the text."""
    folder.mkdir()
    index = _INDEX
    for module, names in public_names().items():
        homes = {name: _home(module, name) for name in names}
        directives = "\n".join(f"::: {home}\n" for home in homes.values())
        (folder / f"{module}.md").write_text(f"# {module}\n\n{directives}", encoding="utf-8")
        links = (f"[`{name}`]({module}.md#{home})" for name, home in homes.items())
        index += f"- [`{module}`]({module}.md): {', '.join(links)}\n"
    (folder / "index.md").write_text(index, encoding="utf-8")


def public_names():
    """Returns the public names of `zoo` and of its subpackages, by module, each name once.

    Those that `zoo` has from a subpackage stand with the subpackage.
    """
    names = {}
    for subpackage in zoo._SUBPACKAGES:
        module = f"zoo.{subpackage}"
        names[module] = sorted(importlib.import_module(module).__all__, key=str.lower)
    own = set(zoo.__all__).difference(zoo._SUBPACKAGES, *names.values())
    return {"zoo": sorted(own)} | names


def _home(module, name):
    """Returns the dotted path where a name is defined; there its docstring is."""
    value = getattr(importlib.import_module(module), name)
    if not hasattr(value, "__qualname__"):  # A constant.
        return f"{module}.{name}"
    return f"{value.__module__}.{value.__qualname__}"


if __name__ == "__main__":
    main()

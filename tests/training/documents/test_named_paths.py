"""Documents for contributors name files and code that there are."""

import re
import subprocess

import pytest

from training.documents.runs import ROOT

DOCUMENTS = ("CONTRIBUTING.md", "docs/ARCHITECTURE.md")
# Files of a run, an export or a release, not of the repository.
OF_RUNS = {"figures/", "variables/", "runs/NAME/savedmodel/1", "savedmodels/NAME"}
OF_RUNS |= {"savedmodels/NAME/1", "metrics.json", "recipe.json"}


@pytest.fixture(scope="module")
def files():
    command = ["git", "-C", str(ROOT), "ls-files"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.split()


def _names(document):
    return re.findall(r"`([^`\n]+)`", (ROOT / document).read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_are_there(document, files):
    paths = [n for n in _names(document) if re.fullmatch(r"[\w./*-]+(/|\.(py|md|json))", n)]
    assert len(paths) > 10
    for path in set(paths) - OF_RUNS:
        pattern = re.escape(path).replace(r"\*", "[^/]*")
        assert any(re.search(rf"(^|/){pattern}", file) for file in files), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_code_is_there(document, files):
    code = "\n".join((ROOT / f).read_text(encoding="utf-8") for f in files if f.endswith(".py"))
    words = set(re.findall(r"\w+", code))
    dotted = [n for n in _names(document) if re.fullmatch(r"_?[a-zA-Z]\w+(\.\w+)*(\(.*\))?", n)]
    assert len(dotted) > 10
    for name in dotted:
        for word in name.partition("(")[0].split("."):
            assert word in words, name

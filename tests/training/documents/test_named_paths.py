"""Documents link to what there is; those for contributors name files and code that there are."""

import re
import subprocess

import pytest

from training.documents.runs import ROOT

DOCUMENTS = ("CONTRIBUTING.md", "docs/ARCHITECTURE.md")
DOCS = sorted((ROOT / "docs").glob("*.md"))
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


LINKING = ("README.md", "CHANGELOG.md", *DOCUMENTS, *(f"docs/{p.name}" for p in DOCS))


@pytest.mark.parametrize("document", LINKING)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def _anchors(document):
    """Returns the anchors of headings, as GitHub makes them, and those that are written out."""
    text = document.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))

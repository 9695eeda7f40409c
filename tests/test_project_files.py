"""The files around the code name what there is."""

import fnmatch
import pathlib
import re

import pytest
import yaml

import zoo
from training import datasets
from training.reproduction import NAMES

ROOT = pathlib.Path(__file__).parents[1]
PAPERS = ("1810.00597", "1702.08658", "1706.02262")


def _read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_container_copies_what_there_is_and_what_is_not_ignored():
    let_in = [line[1:] for line in _read(".dockerignore").splitlines() if line.startswith("!")]
    copies = re.findall(r"^COPY (.+) \S+$", _read("Dockerfile"), re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert {"pyproject.toml", "zoo", "training", "savedmodels"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in), source


def test_what_the_package_is_built_of_is_in_the_container():
    """pip reads them: a build without one of them fails."""
    needed = re.findall(r'^(?:readme = |license-files = \[)"(.+?)"', _read("pyproject.toml"), re.M)
    assert set(needed) == {"README.md", "LICENSE"}
    assert all(name in _read("Dockerfile") for name in needed)


def test_the_workflow_runs_lint_and_tests():
    workflow = yaml.safe_load(_read(".github/workflows/tests.yml"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert sorted(commands) == ["make lint", "make test"]
    targets = re.findall(r"^([\w-]+):", _read("Makefile"), re.MULTILINE)
    assert {"lint", "test"} <= set(targets)
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"]
    supported = re.findall(r"Python :: (3\.\d+)", _read("pyproject.toml"))
    assert versions == supported


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(_read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == zoo.__version__
    assert f'version = "{zoo.__version__}"' in _read("pyproject.toml")
    assert citation["license"] == "Apache-2.0"
    urls = [reference["url"] for reference in citation["references"]]
    assert urls == [f"https://arxiv.org/abs/{number}" for number in PAPERS]


@pytest.mark.parametrize("number", PAPERS)
def test_the_readme_links_the_papers(number):
    assert f"(https://arxiv.org/abs/{number})" in _read("README.md")


def test_the_guide_to_data_names_every_set_and_its_licence():
    guide = _read("docs/DATASETS.md")
    sets, licences = guide.partition("In Python:")[0], guide.partition("## Licences")[2]
    composed = {"color_mnist", "mnist_triplets", "mnist_sum", "mnist_sum_hard", "mnist_rotate"}
    for name in datasets.names():
        own = name.partition(":")[0]
        assert re.search(rf"^\| `{own}[`:]", sets, re.MULTILINE), name
        assert own in {*composed, "micro_mnist"} or f"`{own}" in licences, name


def test_the_readme_counts_the_targets():
    """It speaks of twelve of the three papers, which come first, and six more."""
    assert NAMES[11:13] == ("info-vae-metrics", "any-tolerance")
    assert len(NAMES) == 12 + 6
    assert "Twelve targets" in _read("README.md")
    assert "six more" in _read("README.md")

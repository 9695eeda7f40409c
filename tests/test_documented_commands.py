"""Every command that a document names can be given: its options, recipes and files exist."""

import argparse
import importlib.util
import pathlib
import re
import shlex

import pytest

from training.command_line import cli
from training.recipes import find_recipe
from training.reproduction import NAMES
from zoo import hub

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Dockerfile", "benchmarks/README.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs/serving").iterdir())),
]
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:vae-zoo|python3?|make|pytest) [^`]+)`")
_PLACEHOLDER = re.compile(r"\.\.\.|…|\b[A-Z]{2,}\b|<")  # Of something to fill in.


def commands(text):
    """Returns the commands of a document, each a list of words, without those to be filled in."""
    lines = [" ".join(found.split()) for found in _INLINE.findall(text)]
    for block in _BLOCK.findall(text):
        lines += block.replace("\\\n", " ").splitlines()
    lines = [line.partition(" #")[0] for line in lines]
    pattern = re.compile(r"(vae-zoo|python|make|pytest) ")
    return [
        shlex.split(line) for line in lines if pattern.match(line) and not _PLACEHOLDER.search(line)
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_of_documents_can_be_given(name):
    check(commands((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", cli._COMMANDS)
def test_examples_of_the_command_line_can_be_given(name):
    lines = getattr(command(name), "EXAMPLES", "").splitlines()
    examples = (line.strip().partition(" (")[0] for line in lines)
    check(commands("\n".join(f"`{example}`" for example in examples)))


def check(commands):
    checks = {"vae-zoo": check_ours, "python": check_python, "make": check_make}
    for program, *words in commands:
        checks.get(program, check_paths)(words)


def command(name):
    return importlib.import_module(f"training.command_line.{name}")


def check_ours(words):
    name, *options = words
    if all(word.startswith("--") for word in options):  # In a sentence, without what they need.
        parser = argparse.ArgumentParser()
        if name != "--version":
            command(name).add_options(parser)
        assert set(options) <= {*parser.format_help().replace(",", " ").split(), "--help"}, words
        return
    given = vars(cli._make_parser().parse_args(words))
    if recipe := given.get("recipe"):
        assert (ROOT / recipe).exists() if recipe.endswith(".json") else find_recipe(recipe)
    if target := given.get("target"):
        assert target in NAMES
    for model in [given.get("model"), *(given.get("models") or [])]:
        assert model is None or "/" in model or model in hub.read_index(), words


def check_python(words):
    if words[0] == "-m":
        assert words[1] in ("pip", "pytest") or importlib.util.find_spec(words[1]), words
    elif words[0] != "-c":
        check_paths(words[:1])


def check_make(words):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for word in words if "=" not in word} <= set(targets), words


def check_paths(words):
    for word in words:
        if "/" in word:
            assert (ROOT / word.partition("::")[0]).exists(), word

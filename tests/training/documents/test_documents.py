"""What stands in README and docs/ is what `make docs` writes from the JSON that is committed."""

import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

import zoo
from training.documents import __main__ as documents
from training.documents import markers, pictures
from training.documents.runs import ROOT, read_run
from training.figures.stamps import digest, read_stamp, stamp
from training.reproduction import FOLDER, drawn, pages
from training.reproduction.report import read_entries
from training.reproduction.targets import TARGETS

_REPRODUCTION = ROOT / "docs" / FOLDER
# Tables of numbers that `make docs` does not write, by how they begin: what tests assert, and a run
# whose JSON is not committed.
_BY_HAND = {
    "docs/RESULTS.md": ("| what | reached", "| model | κ | test rmse"),
    "docs/SCALING.md": ("| `--strategy`",),
}


@pytest.mark.parametrize("path", documents.DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_those_of_the_json(path):
    text = path.read_text(encoding="utf-8")
    assert markers.names(text)
    assert markers.fill(text, documents.TABLES) == text, "Run make docs."


def test_every_table_stands_somewhere_and_no_other_has_numbers():
    names = []
    for path in documents.DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        names += markers.names(text)
        rest = re.sub(r"<!-- table: .*?<!-- end of table -->", "", text, flags=re.DOTALL)
        heads = re.findall(r"^ *(\|.*)\n *\|[-:|]+\n", rest, flags=re.MULTILINE)
        known = _BY_HAND.get(str(path.relative_to(ROOT)), ())
        assert [head for head in heads if not head.startswith(known)] == []
    assert sorted(names) == sorted(documents.TABLES)


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.path.stem)
def test_pictures_are_drawn_from_what_is_there_today(picture):
    assert read_stamp(picture.path) == digest(picture.sources), "Run make docs."


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_pictures_of_the_papers_are_drawn_from_what_is_there_today(target):
    sources = drawn.sources(_REPRODUCTION, target)
    found = drawn.pictures(_REPRODUCTION, target)
    assert sources
    assert found
    assert {read_stamp(picture) for picture in found} == {digest(sources)}, "Run make docs."


def test_the_page_of_the_papers_is_that_of_the_json():
    entries = read_entries(_REPRODUCTION)
    for name, write in pages.PAGES.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == write(entries), (
            "Run make docs."
        )


def test_no_picture_of_the_documents_is_left_out():
    known = {picture.path for picture in pictures.PICTURES}
    known.add(ROOT / "docs/images/explore.png")  # A browser's.
    of_benchmarks = {name: name for name in ("two_moons", "kept_latents")}
    of_benchmarks |= {
        "mixture_prior": "second_stage_mixture",
        "energy_prior": "second_stage",
        "energy_prior_conv_draw": "second_stage_conv_draw",
    }
    for picture, result in of_benchmarks.items():  # Which write both.
        known.add(ROOT / f"docs/images/{picture}.png")
        written = digest([ROOT / f"benchmarks/results/{result}.json"])
        assert read_stamp(ROOT / f"docs/images/{picture}.png") == written
    for target in TARGETS.values():
        known |= set(drawn.pictures(_REPRODUCTION, target))
    assert set((ROOT / "docs").rglob("*.png")) == known
    linked = set()
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+\.png)\)", document.read_text(encoding="utf-8")):
            linked.add((document.parent / link).resolve())
    of_models = {path for path in linked if path.is_relative_to(ROOT / "savedmodels")}
    assert linked - of_models == known


@pytest.mark.parametrize("name", ["RESULTS", "REPRODUCTION"])
def test_likelihoods_of_cifar10_are_said_to_be_of_copies(name):
    text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    first = text.index("JPEG-compressed")
    assert "not compare with published ones" in text[first : first + 200]
    assert first < text.index("CIFAR-10 |" if name == "RESULTS" else "<a id="), "before any of them"


def test_what_is_committed_for_pictures_is_small():
    for path in (ROOT / "docs").rglob("*.npz"):
        assert path.stat().st_size < 1_000_000, path


def test_runs_of_the_papers_figures_take_as_long_as_the_guide_says():
    seconds = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["training_seconds"]
        for path in (_REPRODUCTION / "runs").glob("*.json")
    }
    guide = (ROOT / "docs/GUIDE.md").read_text()
    assert "from minutes to a quarter of an hour" in guide
    busy = seconds.pop("conv_draw_mnist_any")  # The guide says so of this one.
    assert f"{busy / 60:.0f} minutes" in guide
    longest = max(seconds.values())
    assert 10 * 60 < longest < 15.5 * 60


@pytest.mark.parametrize("name", ["conv_draw_digits", "conv_draw_mnist"])
def test_a_card_says_under_which_update_its_model_was_trained(name):
    folder = ROOT / "savedmodels" / name
    path = zoo.saved_model_path(name) / "assets.extra/vae_zoo.json"
    saved = json.loads(path.read_text(encoding="utf-8"))
    saved = saved["compile"]["objective"]["config"]
    today = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1)).get_config()
    is_earlier = any(saved[key] != today[key] for key in ("decay", "step_size"))
    assert ("earlier update of GECO" in (folder / "README.md").read_text()) == is_earlier


def test_a_table_that_was_changed_by_hand_is_written_anew():
    text = "Before.\n\n  <!-- table: a -->\n  | old |\n  <!-- end of table -->\n\nAfter.\n"
    tables = {"a": lambda: markers.table(("x", "y"), [["1", "2"]])}
    filled = markers.fill(text, tables)
    assert "  | x | y |\n  |---|---|\n  | 1 | 2 |\n" in filled
    assert markers.fill(filled, tables) == filled
    assert filled.startswith("Before.\n\n  <!--")
    assert filled.endswith("-->\n\nAfter.\n")
    with pytest.raises(KeyError):
        markers.fill(text, {})


def test_a_stamp_follows_the_sources(tmp_path):
    source, picture = tmp_path / "numbers.json", tmp_path / "picture.png"
    source.write_text("1")
    Image.new("RGB", (3, 2), (9, 8, 7)).save(picture)
    assert read_stamp(picture) is None
    stamp(picture, [source])
    assert read_stamp(picture) == digest([source])
    assert np.asarray(Image.open(picture)).tolist() == [[[9, 8, 7]] * 3] * 2
    source.write_text("2")
    assert read_stamp(picture) != digest([source])


def test_a_run_is_found_in_either_place():
    assert read_run("conv_draw_mnist").test == read_run("conv_draw_mnist_geco_0.1").test
    assert read_run("conv_draw_mnist").history()[-1]["step"] == 3000


def test_kept_examples_are_those_of_the_data_set(tmp_path):
    from training import datasets, figures
    from training.documents.kept_examples import KeptExamples, keep

    data = datasets.load("digits", image_size=8)
    keep(data, tmp_path / "digits.npz")
    kept = KeptExamples(tmp_path / "digits.npz")
    for path, source in (("data.png", data), ("kept.png", kept)):
        figures.save_examples(tmp_path / path, source)
    assert (tmp_path / "data.png").read_bytes() == (tmp_path / "kept.png").read_bytes()
    assert pathlib.Path(tmp_path / "digits.npz").stat().st_size < 20_000

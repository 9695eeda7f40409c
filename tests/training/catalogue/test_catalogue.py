"""Released models: taken from a run, measured, drawn, and shown on pages."""

import json
import re

import pytest

import zoo
from tests.training.tiny import tiny_recipe
from training import datasets
from training.catalogue import cards, measuring, pages, release
from training.documents.runs import ROOT
from training.kinds import card
from training.recipes import find_recipe
from training.runs.run_directory import RunDirectory
from zoo.errors import UsageError

MODELS = ROOT / "savedmodels"
CARD = """# tiny

A tiny model for tests.

## Training

`savedmodel/1` is a SavedModel: and `zoo.load("savedmodel/1")`.
"""


@pytest.fixture
def run(tmp_path):
    """A run as it stands when it is finished, of files that are none."""
    found = RunDirectory(tmp_path / "run")
    found.create(tiny_recipe().to_dict())
    found.saved_model.mkdir(parents=True)
    (found.saved_model / "saved_model.pb").write_bytes(b"weights")
    found.figures.mkdir()
    (found.figures / "samples.png").write_bytes(b"picture")
    found.write_json(found.metrics, {"test": {"rmse": 0.1, "rate": 3.0}, "parameters": 1234})
    found.card.write_text(CARD)
    return found


def test_a_release_has_what_the_run_made_and_loads_by_its_name(run, tmp_path):
    assert release.release(run.path, tmp_path / "models") == "tiny"
    home = tmp_path / "models" / "tiny"
    assert (home / "1" / "saved_model.pb").read_bytes() == b"weights"
    assert (home / "figures" / "samples.png").read_bytes() == b"picture"
    text = (home / "README.md").read_text()
    assert '`1/` is a SavedModel: and `zoo.load("tiny")`' in text
    assert text.index("samples-and-latents") < text.index("## Training")


def test_a_better_model_takes_the_place_of_the_one_before(run, tmp_path):
    release.release(run.path, tmp_path)
    (tmp_path / "tiny" / "measures.json").write_text("{}")
    (run.saved_model / "saved_model.pb").write_bytes(b"better")
    release.release(run.path, tmp_path)
    assert (tmp_path / "tiny" / "2" / "saved_model.pb").read_bytes() == b"better"
    assert not (tmp_path / "tiny" / "1").exists()
    assert not (tmp_path / "tiny" / "measures.json").exists()
    assert "`2/` is a SavedModel" in (tmp_path / "tiny" / "README.md").read_text()


def test_what_cannot_be_released_is_said(run, tmp_path):
    with pytest.raises(UsageError, match=r"Expected a finished run .* --resume"):
        release.release(tmp_path / "nowhere", tmp_path / "models")
    (run.saved_model / "saved_model.pb").write_bytes(bytes(release.LARGEST_FILE + 1))
    with pytest.raises(UsageError, match=r"at most 5 MB, received one of 5\.0 MB"):
        release.release(run.path, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_card_says_what_was_measured(run, tmp_path):
    release.release(run.path, tmp_path)
    path = tmp_path / "tiny" / "README.md"
    measures = {"made_with": {}, "active_units": {"active": 2, "units": 3, "share": 0.6}}
    for _ in range(2):  # A second time it is written anew, not added.
        cards.fill(path, measures, ["interpolation.png"])
    text = path.read_text()
    assert text.count("| active units | 2 | of 3 latents") == 1
    assert text.count("![Interpolation](figures/interpolation.png)") == 1
    assert text.count("## Samples and latents\n") == 1
    cards.fill(path, {"made_with": {}}, [])  # As of a classifier.
    assert "Samples and latents" not in path.read_text()


@pytest.mark.usefixtures("uncompiled")
def test_only_what_is_about_a_model_is_measured_and_drawn(tmp_path):
    data = datasets.load("digits", image_size=8)
    model = zoo.ConvVAE(data.image_shape, latent_dim=2, filters=(2,), hidden_units=3)
    # No pretrained classifier knows digits of 8x8 pixels, and there is no context.
    assert set(measuring.measure(model, data)) == {"made_with", "active_units"}
    names = measuring.draw(model, data, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert names == ["samples_cool.png", "interpolation.png"]
    classifier = zoo.ConvClassifier(data.image_shape, num_classes=10, filters=(2,))
    assert set(measuring.measure(classifier, data)) == {"made_with"}
    assert measuring.draw(classifier, data, tmp_path) == []


# === What is released ===


def test_measures_share_the_samples_that_they_ask_for(monkeypatch):
    model, draws, asked = zoo.ConvVAE((8, 8, 1), filters=(2,)), [], []

    def draw(num, seed, temperature=1.0):
        draws.append((num, seed, temperature))
        return draws[-1]

    def measure(name, model, data):
        asked.append([model.sample(2, (0, 5)), model.sample(2, (0, 5), 0.7)])

    model.sample = draw
    monkeypatch.setattr(measuring.evaluation, "check", lambda *arguments: None)
    monkeypatch.setattr(measuring.evaluation, "measure", measure)
    measuring.measure(model, data=None)
    assert asked == [[(2, (0, 5), 1.0), (2, (0, 5), 0.7)]] * len(measuring.MEASURES)
    assert len(draws) == 2


def test_every_model_is_measured_and_has_the_numbers_in_its_card():
    assert [entry.name for entry in pages.read_entries(MODELS)] == zoo.list_models()
    for entry in pages.read_entries(MODELS):
        assert entry.measures, f"{entry.name}: run python -m training.catalogue"
        text = (entry.folder / "README.md").read_text()
        assert f'zoo.load("{entry.name}")' in text
        for name in set(entry.measures) - {"made_with"}:
            assert "## Samples and latents" in text, name
        for name, _ in entry.pictures:
            assert f"figures/{name}" in text
        recipe = find_recipe(str(entry.folder / "recipe.json"))
        for part in (*card.citations(recipe), card.fidelity(recipe), card.recipe_text(recipe)):
            assert part in text, f"{entry.name}: run python -m training.catalogue --cards"


@pytest.mark.parametrize(
    ("name", "write"), [("MODELS.md", pages.as_markdown), ("models.html", pages.as_html)]
)
def test_pages_are_those_of_what_is_released(name, write):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert text == write(pages.read_entries(MODELS)), "Run make docs."
    for link in re.findall(r'(?:\]\(|src="|href=")([^)"#]+)[)"]', text):
        assert (ROOT / "docs" / link).is_file(), link


def test_a_row_of_the_table_says_what_there_is(tmp_path, run):
    release.release(run.path, tmp_path / "models")
    found = {
        "sample_confidence": {"at_temperature_1": 0.5, "data": 0.98},
        "frechet_distance": {"samples": 12.34, "null": 1.0},
    }
    (tmp_path / "models" / "tiny" / "measures.json").write_text(json.dumps(found))
    (entry,) = pages.read_entries(tmp_path / "models")
    assert entry.row()[4:] == ("1,234", "0.0", "0.1000", "3.0", "50.0%, 98.0%", "12.3, 1")

"""`python -m training.catalogue`: see `training.catalogue`."""

import argparse

from training import datasets
from training.catalogue import cards, measuring, pages
from training.catalogue.release import release
from training.documents.runs import ROOT
from training.recipes import find_recipe
from training.runs import model_source
from training.runs.run_directory import write_json
from training.runs.stages import stage
from zoo import hub

__all__ = ["main"]


def main():
    """Releases a run's model if one is named, measures what lacks measures, writes the pages."""
    parser = argparse.ArgumentParser(prog="python -m training.catalogue", description=__doc__)
    parser.add_argument("--release", metavar="RUN", action="append", default=[])
    parser.add_argument("--again", metavar="NAME", action="append", default=[])
    parser.add_argument("--cards", action="store_true")
    arguments = parser.parse_args()
    folder = ROOT / "savedmodels"
    for run in arguments.release:
        print(f"Released {release(run, folder)}.")
    hub.update_index(folder)  # So that a new model is found by its name.
    for entry in pages.read_entries(folder):
        if not entry.measures or entry.name in arguments.again:
            _measure(entry)
        if arguments.cards:
            recipe = find_recipe(str(entry.folder / "recipe.json"))
            cards.renew(entry.folder / "README.md", datasets.load_for(recipe), recipe)
    hub.update_index(folder)  # With the new measures.
    pages.write_pages(folder, ROOT / "docs")
    print("Wrote docs/MODELS.md and docs/models.html.")


def _measure(entry):
    """Measures and draws a model, and writes both into its folder and card."""
    model, recipe = model_source.load_model(entry.name)
    data = datasets.load_for(recipe)
    with stage(f"Measuring {entry.name}"):
        measures = measuring.measure(model, data)
    with stage(f"Drawing {entry.name}"):
        pictures = measuring.draw(model, data, entry.folder / "figures")
    write_json(entry.folder / "measures.json", measures)
    cards.fill(entry.folder / "README.md", measures, pictures)


if __name__ == "__main__":
    main()

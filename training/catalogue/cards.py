"""The card of a released model: that of its run, with what the catalogue measures and draws."""

import re

from training.documents import markers
from training.kinds import card

__all__ = ["fill", "of_release", "renew"]

_TABLE = "samples-and-latents"
_BEFORE = "\n## Training\n"
_CAPTIONS = {
    "samples_cool.png": ("Samples at temperature 0.7", "Samples at temperature 0.7."),
    "interpolation.png": (
        "Interpolation",
        "At the ends of each row the reconstructions of two images of the test split; between them "
        "those of latents along the line that joins theirs.",
    ),
}


def of_release(text, name, version):
    """Returns a run's card for the released model: loaded by its name, with room for a section.

    Args:
        text: The card that the run wrote, Markdown.
        name: The released model's name.
        version: Its version, an int.
    """
    text = text.replace('zoo.load("savedmodel/1")', f'zoo.load("{name}")')
    text = text.replace("`savedmodel/1` is a SavedModel", f"`{version}/` is a SavedModel")
    block = f"{markers.START.format(_TABLE)}\n\n{markers.END}\n"
    return text.replace(_BEFORE, f"\n{block}{_BEFORE}", 1)


def fill(path, measures, pictures):
    """Writes the section of samples and latents of a card anew; a card without it stays as it is.

    Args:
        path: `README.md` of a released model.
        measures: What was measured, as in `measures.json`.
        pictures: The names of the pictures that were drawn.
    """
    text = path.read_text(encoding="utf-8")
    lines = _section(measures, pictures)
    path.write_text(markers.fill(text, {_TABLE: lambda: lines}), encoding="utf-8")


def renew(path, data, recipe):
    """Writes those sections of a released model's card anew that are not about its run.

    Args:
        path: `README.md` of the model.
        data: The `ImageDataset` that it was trained on.
        recipe: Its `Recipe`.
    """
    text = path.read_text(encoding="utf-8")
    for section in (card.licence(data, recipe), card.fidelity(recipe), card.recipe_text(recipe)):
        heading = section.partition("\n")[0]
        # Up to the next heading, or the end.
        found = re.compile(rf"^{re.escape(heading)}\n.*?(?=\n\n## |\n\Z)", re.DOTALL | re.MULTILINE)
        text = found.sub(lambda _, section=section: section, text, count=1)
    path.write_text(text, encoding="utf-8")


def _section(measures, pictures):
    rows = [
        row
        for name, rows_of in _ROWS.items()
        if name in measures
        for row in rows_of(measures[name])
    ]
    lines = card.table(("measure", "value", "meaning"), rows).splitlines() if rows else []
    for name in pictures:
        title, caption = _CAPTIONS[name]
        lines += ["", f"![{title}](figures/{name})", "", caption]
    return ["## Samples and latents", "", *lines] if lines else []  # Of a classifier, none.


# === Rows of the table: (measure, value, meaning) ===


def _confidence(found):
    meaning = "share in which our classifier gives one class a probability above 0.9"
    rows = [
        (f"sure samples at temperature {t}", f"{found[f'at_temperature_{t}']:.1%}", meaning)
        for t in ("1", "0.7")
    ]
    return [*rows, ("sure test images", f"{found['data']:.1%}", "likewise")]


def _frechet(found):
    meaning = (
        f"of samples and test images in our classifier's features; of training images: "
        f"{found['null']:.3g}, of reconstructions: {found['reconstructions']:.3g}; no FID"
    )
    return [("Fréchet distance", f"{found['samples']:.3g}", meaning)]


def _classes(found):
    meaning = (
        f"total variation of the shares of classes, samples and data; by chance {found['null']:.3f}"
    )
    return [("mismatch of classes", f"{found['total_variation']:.3f}", meaning)]


def _units(found):
    meaning = f"of {found['units']:,} latents, those whose posterior mean moves with the image"
    return [("active units", f"{found['active']:,}", meaning)]


def _answers(found):
    meaning = "samples that answer their context, at temperature 1"
    of_data = ("right answers of test images", f"{found['accuracy_of_data']:.1%}", "likewise")
    return [("right answers", f"{found['accuracy']:.1%}", meaning), of_data]


_ROWS = {
    "sample_confidence": _confidence,
    "frechet_distance": _frechet,
    "class_distribution": _classes,
    "active_units": _units,
    "generated_accuracy": _answers,
}

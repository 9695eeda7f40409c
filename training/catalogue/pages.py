"""The catalogue as pages: a table of all released models, then each with pictures and code."""

import dataclasses
import html
import json
import pathlib

from training.documents.markers import table
from training.figures.web_page import table_row, web_page
from training.runs.run_directory import replace_file
from zoo import hub

__all__ = ["Entry", "as_html", "as_markdown", "read_entries", "write_pages"]

_INTRODUCTION = (
    "What `zoo.list_models()` names, each with its pictures, its numbers and the code that loads "
    "it. rmse, in pixel units, and rate, in nats an image, are of the whole test split, with z "
    "drawn. Sure: the share of samples, at temperature 1, in which our classifier of the data set "
    "gives one class a probability above 0.9, and that of test images; of a conditional model "
    "the share that answers its context; of a classifier its accuracy. Fréchet distance: of "
    "samples and test images in that classifier's features, and of as many training images; it is "
    "no FID. The card of each model, by its name, says more: limits, licence, recipe."
)
_HEADER = (
    *("model", "architecture", "objective", "data", "parameters", "MB", "rmse", "rate"),
    *("sure or right, data", "Fréchet, null"),
)
_PICTURES = (
    ("reconstructions.png", "Test images, and below each its reconstruction"),
    ("samples.png", "Samples at temperature 1"),
    ("samples_cool.png", "Samples at temperature 0.7"),
    ("interpolation.png", "Between two test images, along a line in latent space"),
    ("steps_of_samples.png", "Samples after each step"),
    ("markov_chains.png", "Markov chains of encoding and decoding"),
    ("filled_in.png", "Hidden halves, and answers for them"),
    ("mistakes.png", "The mistakes that it was surest of: true class → its answer"),
)
_PICTURES_A_ROW = 2  # In Markdown.
_STYLE = """
body { max-width: 80rem }
.pictures { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start }
figure { margin: 0; flex: 0 1 18rem }
figure img { width: 100%; image-rendering: pixelated }
/* These have captions, which would be too small to read. */
figure.mistakes { flex-basis: 50rem }
figure.filled_in { flex-basis: 38rem }
figure.mistakes img { width: auto }
figure.mistakes img, figure.filled_in img { image-rendering: auto }
figcaption { color: #555; font-size: 0.9rem }
pre { padding: 0.6rem 0.8rem; overflow-x: auto }
.wide { overflow-x: auto }
.wide table { font-size: 0.85rem }
.wide td { white-space: nowrap }
td.number, .wide th:nth-child(n + 5) { text-align: right }
"""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the folder of a released model says of it.

    Attributes:
        folder: The folder, a `pathlib.Path`; its name is the model's.
        description: The card's first paragraph.
        recipe: `recipe.json`.
        metrics: `metrics.json`.
        measures: `measures.json`, {} before it is measured.
        num_bytes: Size of the SavedModel.
    """

    folder: pathlib.Path
    description: str
    recipe: dict
    metrics: dict
    measures: dict
    num_bytes: int

    @property
    def name(self):
        """The name that `zoo.load` takes."""
        return self.folder.name

    @property
    def pictures(self):
        """(file name, caption) of each picture that there is."""
        return [
            (name, text) for name, text in _PICTURES if (self.folder / "figures" / name).is_file()
        ]

    @property
    def code(self):
        """The lines that load and use it."""
        imports, use = "import zoo", "images = model.sample(16, seed=0)"
        if self.recipe["architecture"]["class_name"] == "ConvClassifier":
            use = "probabilities = model.predict(images)"
        elif "generated_accuracy" in self.measures:
            imports += "\nfrom training import datasets"
            name = self.recipe["data"]["name"]
            data = f'datasets.load("{name}")'
            use = f'batch = next(iter({data}.batches("test", 16)))\n'
            use += 'images = model.sample(16, seed=0, context=batch["context"])'
        return f'{imports}\n\nmodel = zoo.load("{self.name}")\n{use}'

    def row(self):
        """Returns the texts of its row of the table, "" for what is not about such a model."""
        test = self.metrics["test"]
        return (
            self.name,
            self.recipe["architecture"]["class_name"],
            self._objective(),
            self.recipe["data"]["name"],
            f"{self._num_parameters():,}",
            f"{self.num_bytes / 1e6:.1f}",
            _number(test, "rmse", ".4f"),
            self._rate(),
            self._sure(),
            self._frechet(),
        )

    def _rate(self):
        """Of chains no more than a bound is known, that of their paths."""
        test = self.metrics["test"]
        return ("≤ " if "acceptance" in test else "") + _number(test, "rate", ".1f")

    def _num_parameters(self):
        """Counts frozen ones too, which the SavedModel holds."""
        return self.metrics["parameters"] + self.metrics.get("frozen_parameters", 0)

    def _objective(self):
        tolerances = self.metrics.get("tolerances") or {}
        if curve := self.metrics.get("curve"):
            asked = f"κ = {curve[0]['tolerance']:g} to {curve[-1]['tolerance']:g}"
        else:
            asked = ", ".join(f"κ = {value:g}" for value in tolerances.values())
        name = self.recipe["objective"]["class_name"]
        return f"{name}, {asked}" if asked else name

    def _sure(self):
        if "accuracy" in self.metrics["test"]:
            return f"{self.metrics['test']['accuracy']:.2%} right"
        if (answers := self.measures.get("generated_accuracy")) is not None:
            return f"{answers['accuracy']:.1%} right, {answers['accuracy_of_data']:.1%}"
        found = self.measures.get("sample_confidence")
        return f"{found['at_temperature_1']:.1%}, {found['data']:.1%}" if found else ""

    def _frechet(self):
        found = self.measures.get("frechet_distance")
        return f"{found['samples']:.3g}, {found['null']:.2g}" if found else ""


def _number(values, name, form):
    return format(values[name], form) if name in values else ""


def read_entries(folder):
    """Returns the entries of all models in `savedmodels/`, by name."""
    folder = pathlib.Path(folder)
    entries = []
    for name, known in hub.make_index(folder).items():
        measures = folder / name / "measures.json"
        entries.append(
            Entry(
                folder=folder / name,
                description=known["description"],
                recipe=_read(folder / name / "recipe.json"),
                metrics=_read(folder / name / "metrics.json"),
                measures=_read(measures) if measures.exists() else {},
                num_bytes=sum(file["bytes"] for file in known["files"].values()),
            )
        )
    return entries


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


# === Pages ===


def as_markdown(entries):
    """Returns the catalogue as Markdown, for `docs/`."""
    lines = ["# Models", "", _INTRODUCTION, ""]
    lines += ["| " + " | ".join(_HEADER) + " |", "|---|---|---|---|--:|--:|--:|--:|--:|--:|"]
    for entry in entries:
        name, *others = entry.row()
        lines.append(f"| [{name}](#{name}) | {' | '.join(others)} |")
    for entry in entries:
        home = f"../savedmodels/{entry.name}"
        lines += ["", f"## {entry.name}", "", entry.description, ""]
        for k in range(0, len(entry.pictures), _PICTURES_A_ROW):
            lines += [*_picture_row(entry.pictures[k : k + _PICTURES_A_ROW], home), ""]
        lines += ["```python", *entry.code.split("\n"), "```", "", f"[Card]({home}/README.md)"]
    return "\n".join(lines) + "\n"


def _picture_row(pictures, home):
    """Returns a table of pictures side by side, each below its caption."""
    images = [f"![{text}]({home}/figures/{name})" for name, text in pictures]
    return table([text for _, text in pictures], [images])


def as_html(entries):
    """Returns the catalogue as a page of its own, HTML."""
    rows = "\n".join(map(_html_row, entries))
    sections = "\n".join(map(_html_section, entries))
    introduction = html.escape(_INTRODUCTION).replace("`", "")
    body = (
        f"<h1>Models</h1>\n<p>{introduction}</p>\n"
        f'<div class="wide"><table>\n{table_row(_HEADER, "th")}\n{rows}\n</table></div>\n{sections}'
    )
    return web_page("VAE Zoo: models", body, _STYLE)


def _html_row(entry):
    name, *others = map(html.escape, entry.row())
    cells = [f'<td><a href="#{name}">{name}</a></td>']
    cells += [
        f"<td{' class=number' if k >= 3 else ''}>{text}</td>" for k, text in enumerate(others)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _html_section(entry):
    figures = "".join(
        f'<figure class="{name.removesuffix(".png")}">'
        f'<img src="../savedmodels/{entry.name}/figures/{name}" alt="{html.escape(text)}">'
        f"<figcaption>{html.escape(text)}</figcaption></figure>\n"
        for name, text in entry.pictures
    )
    return (
        f'<section id="{entry.name}">\n<h2>{entry.name}</h2>\n'
        f"<p>{html.escape(entry.description)}</p>\n"
        f'<div class="pictures">\n{figures}</div>\n'
        f"<pre>{html.escape(entry.code)}</pre>\n"
        f'<p><a href="../savedmodels/{entry.name}/README.md">Card</a></p>\n</section>'
    )


_PAGES = {"MODELS.md": as_markdown, "models.html": as_html}


def write_pages(folder, output):
    """Writes both pages of the models in FOLDER into the folder OUTPUT."""
    entries = read_entries(folder)
    for name, write in _PAGES.items():
        with replace_file(pathlib.Path(output) / name) as file:
            file.write(write(entries))

"""Sections of a model card, in Markdown, that all kinds of model share."""

import json

from zoo import registry

__all__ = [
    "LOAD",
    "citations",
    "fidelity",
    "join",
    "licence",
    "loading",
    "measures",
    "recipe_text",
    "table",
    "title",
    "training",
]

LOAD = 'model = zoo.load("savedmodel/1")  # A Keras model, ready for `fit`.'


def join(*sections):
    """Returns sections as one text."""
    return "\n\n".join(sections) + "\n"


def title(recipe):
    """Returns the recipe's name and description."""
    return f"# {recipe.name}\n\n{recipe.description}"


def measures(data, metrics, rows, verdicts=(), how=""):
    """Returns the section of measures.

    Args:
        data: The `ImageDataset`.
        metrics: The values of `metrics.json`.
        rows: (measure, value, meaning) each.
        verdicts: Sentences below the table.
        how: Ends the sentence about the images.
    """
    text = f"## Measures\n\nOn {metrics['test_images']:,} images of the test split{how}."
    caveat = [data.caveat] if data.caveat else []
    notes = [f"**{text}**" for text in verdicts]
    return "\n\n".join([text, table(("measure", "value", "meaning"), rows), *caveat, *notes])


def training(recipe, data, metrics, more):
    """Returns the section of how the model was trained; `more` has texts by name."""
    machine = metrics["machine"]
    hardware = ", ".join(machine["accelerators"]) or f"{machine['cores']} CPU cores"
    cls = registry.find("architecture", recipe.architecture["class_name"])
    package = cls.__module__.partition(".")[0]
    frozen = metrics.get("frozen_parameters", 0)
    frozen = f", and {frozen:,} that are frozen" if frozen else ""
    rows = {
        "architecture": f"`{package}.{cls.__name__}`, {metrics['parameters']:,} parameters{frozen}",
        "objective": None,  # Its place.
        "data": f"{data.name}: {data.description}",
        "training images": f"{data.num_examples['train']:,}, {shape_text(data.image_shape)}",
        **more,
        **({"augmentation": text} if (text := recipe.augmentation_text) else {}),
        **_changes_row(metrics.get("data_changes")),
        "steps": f"{metrics['steps']:,} of {recipe.batch_size} images",
        "time": f"{metrics['training_seconds'] / 60:.1f} minutes on {hardware}",
        "seed": f"{metrics['seed']}",
    }
    return "## Training\n\n" + table(("", ""), rows.items())


def _changes_row(changes):
    """Says when a run went on with other images, if it did."""
    if not changes:
        return {}
    texts = [f"from step {c['step']:,} on (before: {c['before']['images']})" for c in changes]
    return {"images changed": "; ".join(texts)}


def loading(code):
    """Returns the section of how the model is loaded, with Python code that does it."""
    return f"""## How to load it

```python
import zoo

{code}
```

`savedmodel/1` is a SavedModel: TensorFlow Serving and `tf.saved_model.load` run it without this
package."""


def licence(data, recipe):
    """Returns the section of what one may do with the weights and the data, and whom to cite."""
    cited = citations(recipe)
    methods = f"\n- Methods of this model: {'; '.join(cited)}." if cited else ""
    of_data = f"- Data: {data.licence}.\n" if data.licence else ""
    return f"""## Licence and citation

- Weights: those that come with VAE Zoo are under Apache-2.0, as its code; of others their maker
  decides. The data's terms may bind both.
{of_data}- Software: VAE Zoo, cited as its `CITATION.cff` says; it began with
  [Taming VAEs](https://arxiv.org/abs/1810.00597), [Towards Deeper Understanding of Variational
  Autoencoding Models](https://arxiv.org/abs/1702.08658) and
  [InfoVAE](https://arxiv.org/abs/1706.02262).{methods}"""


def citations(recipe):
    """Returns the papers of all classes that a recipe names, each once."""
    found = []
    for kind, config in (("architecture", recipe.architecture), ("objective", recipe.objective)):
        if config["class_name"] in registry.names(kind):  # A classifier's objective is Keras's.
            found += [text for cls in registry.parts(kind, config) for text in cls.citations]
    return list(dict.fromkeys(found))


def fidelity(recipe):
    """Returns the section with the recipe's fidelity ledger, and what this run had otherwise."""
    rows = [[row[key] for key in ("setting", "paper", "ours", "why")] for row in recipe.fidelity]
    sections = ["## Fidelity to the paper", table(("setting", "the paper's", "ours", "why"), rows)]
    if citations(recipe):
        sections.insert(1, "The papers are those of *Methods of this model* above.")
    if changed := recipe.changed_fields():
        names = ", ".join(changed).replace("_", " ")
        sections.append(
            f"This is about the recipe as it comes. The run had its own {names}: see "
            "the recipe below."
        )
    return "\n\n".join(sections)


def recipe_text(recipe):
    """Returns the section with the whole recipe."""
    text = json.dumps(recipe.to_dict(), indent=2, ensure_ascii=False)
    return f"## The recipe\n\n```json\n{text}\n```"


def shape_text(image_shape):
    """Says a shape as people do: 28x28, 1 channel."""
    height, width, channels = image_shape
    return f"{height}x{width}, {channels} channel{'s' * (channels > 1)}"


def table(header, rows):
    """Returns a table in Markdown; rows hold anything that has a text."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines)

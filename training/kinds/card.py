"""The card of a run's model: what it is, how good it is, what it is for, how to load it."""

import json

import zoo
from training.evaluation import measures

__all__ = ["fidelity", "make_card", "shape_text", "table", "training_rows"]

_OBJECTIVES = {
    "GECO": "GECO (Taming VAEs, Rezende & Viola 2018): the rate is minimised while the "
    "constraint is met on average; the multiplier is found by the training itself.",
    "ELBO": "the evidence lower bound (Kingma & Welling 2014): distortion + β · rate.",
    "InfoVAE": "InfoVAE (Zhao, Song & Ermon 2019): distortion + (1 - α) · rate + (α + λ - 1) · a "
    "divergence between the aggregate posterior and the prior.",
    "Unregularised": "the distortion alone (Zhao, Song & Ermon 2017): samples of the prior mean "
    "nothing, so sample by the chain of encoding and decoding.",
}
_OF_MEANS = """- Samples are means of the likelihood, so they are smoother than the data.
- The constraint holds on average over images: a single one may be reconstructed worse."""
_OF_DRAWS = "- The likelihood has no mean: reconstructions and samples are drawn, pixel by pixel."
_MAY_IGNORE_LATENTS = "- Under the ELBO such a decoder may use its latents little: see the rate."
_USE = f"""## Intended use

Research, teaching and testing: compressing and generating images like those it was trained on,
comparing objectives, trying a serving set-up.

## Limitations

- It knows images of its training data's kind and size only; others are reconstructed badly.
{_OF_MEANS}
- Bits a dimension are an upper bound, with the likelihood quantised to 256 levels."""

_LOADING = """## How to load it

```python
import zoo

model = zoo.load("savedmodel/1")  # A Keras model, ready for `fit`.
images = {sample}
```

`savedmodel/1` is a SavedModel: TensorFlow Serving and `tf.saved_model.load` run it without this
package."""


def make_card(recipe, data, metrics):
    """Writes the card as Markdown, for the run directory.

    Args:
        recipe: The `Recipe`.
        data: The `ImageDataset`.
        metrics: The values of `metrics.json`.
    """
    sections = [
        f"# {recipe.name}\n\n{recipe.description}",
        _figures(recipe, data, metrics),
        _measures(metrics),
        _training(recipe, data, metrics),
        _use(recipe, metrics),
        _loading(data),
        fidelity(recipe),
        "## The recipe\n\n```json\n"
        + json.dumps(recipe.to_dict(), indent=2, ensure_ascii=False)
        + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _figures(recipe, data, metrics):
    reconstructions = "Images of the test split, and below each its reconstruction"
    samples = "Samples"
    if data.context_shape is not None:
        reconstructions = "Contexts and images of the test split, and after each its reconstruction"
        samples = "In each row a context of the test split, then samples given it"
    origin = "from posterior means" if _has_mean(metrics) else "with latents and pixels drawn"
    pixels = "means" if _has_mean(metrics) else "draws"
    chains = ""
    is_unregularised = recipe.objective["class_name"] == "Unregularised"
    if data.context_shape is None and (is_unregularised or not _has_mean(metrics)):
        chains = (
            "![Markov chains](figures/markov_chains.png)\n\nIn each row a Markov chain of encoding "
            "and decoding (`zoo.sampling.markov_chain`), from noise on the left.\n\n"
        )
    if getattr(zoo, recipe.architecture["class_name"]).has_chain:
        chains += (
            "![Steps of reconstructions](figures/steps_of_reconstructions.png)\n\nIn each row an "
            "image of the test split, and its reconstruction after each step, with latents drawn."
            "\n\n![Steps of samples](figures/steps_of_samples.png)\n\nIn each row a sample after "
            "each step.\n\n"
        )
    return (
        "![Reconstructions](figures/reconstructions.png)\n\n"
        f"{reconstructions} {origin}.\n\n"
        "![Samples](figures/samples.png)\n\n"
        f"{samples}: {pixels} of the likelihood at latents drawn from the prior.\n\n{chains}"
        "![Trajectory](figures/trajectory.png)\n\n"
        "The training run in the information plane, on the validation split."
    )


def _has_mean(metrics):
    """Whether the likelihood has a mean, so that reconstructions have an error."""
    return "rmse" in metrics["test"]


def _use(recipe, metrics):
    if _has_mean(metrics):
        return _USE
    text = _USE.replace(_OF_MEANS, _OF_DRAWS)
    # Without a regulariser there is no price on using them.
    is_priced = recipe.objective["class_name"] != "Unregularised"
    return f"{text}\n{_MAY_IGNORE_LATENTS}" if is_priced else text


def _loading(data):
    sample = "model.sample(16, seed=0)"
    if data.context_shape is not None:
        shape = ", ".join(map(str, (16, *data.context_shape)))
        sample = f"model.sample(16, seed=0, context=contexts)  # contexts: [{shape}]"
    return _LOADING.format(sample=sample)


def _measures(metrics):
    test, bits = metrics["test"], metrics["bits_per_dimension"]
    rows = [
        ("rate", f"{test['rate']:.4g}", "nats an image, KL(q(z given x) ‖ p(z))"),
        ("distortion", f"{test['distortion']:.4g}", "nats an image, -log p(x given z)"),
    ]
    if _has_mean(metrics):
        meaning = _against_tolerance(test, metrics["tolerances"])
        rows.append(("rmse", f"{test['rmse']:.4g}", meaning))
    for name, value in test.items():
        if name.endswith("_violation"):
            rows.append(
                (
                    name.replace("_", " "),
                    f"{value:.3g}",
                    "met where at most 0; 0 is where the tolerance is kept exactly",
                )
            )
    for name, value in metrics["multipliers"].items():
        rows.append((f"{name.replace('_', ' ')} multiplier", f"{value:.4g}", "λ at the end"))
    if metrics["equivalent_beta"]:
        beta = metrics["equivalent_beta"]
        scale = f"of a Gaussian likelihood of scale {beta['likelihood_scale']:.3g}"
        rows.append(("equivalent β", f"{beta['value']:.4g}", scale))
    sample = f"at most, from {bits['images']} images and {bits['importance_samples']} samples each"
    rows.append(("bits a dimension", f"{bits['value']:.4g}", sample))
    text = f"## Measures\n\nOn {metrics['test_images']} images of the test split, with z drawn.\n\n"
    text += table(("measure", "value", "meaning"), rows)
    for shortfall in measures.shortfalls(metrics):
        text += f"\n\n**{shortfall}**"
    return text


def _against_tolerance(test, tolerances):
    tolerance = tolerances.get("ReconstructionError")
    if tolerance is None:
        return "pixel units; no tolerance was asked for"
    excess = 100.0 * (test["rmse"] / tolerance - 1.0)
    return f"pixel units; the tolerance is {tolerance:g} ({excess:+.1f}%)"


def _training(recipe, data, metrics):
    architecture, objective = recipe.architecture["class_name"], recipe.objective["class_name"]
    rows = [
        ("architecture", f"`zoo.{architecture}`, {metrics['parameters']:,} parameters"),
        ("objective", _OBJECTIVES[objective]),
        ("data", f"{data.name}: {data.description}"),
        ("training images", f"{data.num_examples['train']:,}, {shape_text(data.image_shape)}"),
        ("context images", shape_text(data.context_shape) if data.context_shape else "none"),
        *training_rows(recipe, metrics),
    ]
    return "## Training\n\n" + table(("", ""), rows)


def training_rows(recipe, metrics):
    """Returns the rows that say how long any run took."""
    machine = metrics["machine"]
    hardware = ", ".join(machine["accelerators"]) or f"{machine['cores']} CPU cores"
    return [
        ("steps", f"{metrics['steps']:,} of {recipe.batch_size} images"),
        ("time", f"{metrics['training_seconds'] / 60:.1f} minutes on {hardware}"),
        ("seed", f"{metrics['seed']}"),
    ]


def fidelity(recipe):
    """Returns the section with the recipe's fidelity ledger."""
    rows = [[row[key] for key in ("setting", "paper", "ours", "why")] for row in recipe.fidelity]
    return "## Fidelity to the paper\n\n" + table(("setting", "the paper's", "ours", "why"), rows)


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

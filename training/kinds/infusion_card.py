"""The card of an infusion model's run."""

import json

from training.kinds.card import fidelity, shape_text, table, training_rows

__all__ = ["make_card"]

_FIGURES = """![Samples](figures/samples.png)

Samples: means of the last step of chains from noise.

![Steps of samples](figures/steps_of_samples.png)

In each row a sample after each step.

![Steps of infused chains](figures/steps_of_reconstructions.png)

In each row an image of the test split, and a chain from noise that its pixels were infused into, as
in training, after each step."""
_OBJECTIVE = (
    "infusion training (Bordes, Honari & Vincent 2017): each step's likelihood of the data, along "
    "chains into which a share of the data's pixels is infused, later steps weighted more."
)
_USE = """## Intended use

Research and teaching: a generator that learns to denoise in steps, the baseline of the sequential
VAE.

## Limitations

- It has no latents: it neither encodes nor compresses, and has no bound on its likelihood.
- An infused chain has seen pixels of the image itself, so its error is no reconstruction error."""
_LOADING = """## How to load it

```python
import zoo

model = zoo.load("savedmodel/1")  # A Keras model, ready for `fit`.
images = model.sample(16, seed=0)
```

`savedmodel/1` is a SavedModel: TensorFlow Serving and `tf.saved_model.load` run it without this
package."""


def make_card(recipe, data, metrics):
    """Writes the card as Markdown, for the run directory; arguments as in `training.kinds.card`."""
    recipe_text = json.dumps(recipe.to_dict(), indent=2, ensure_ascii=False)
    sections = [
        f"# {recipe.name}\n\n{recipe.description}",
        _FIGURES,
        _measures(metrics),
        _training(recipe, data, metrics),
        _USE,
        _LOADING,
        fidelity(recipe),
        f"## The recipe\n\n```json\n{recipe_text}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _measures(metrics):
    test = metrics["test"]
    rows = [
        ("rmse", f"{test['rmse']:.4g}", "pixel units, of the last step of infused chains"),
        ("distortion", f"{test['distortion']:.4g}", "nats an image, -log p of the last step"),
    ]
    text = f"## Measures\n\nOn {metrics['test_images']:,} images of the test split.\n\n"
    return text + table(("measure", "value", "meaning"), rows)


def _training(recipe, data, metrics):
    rows = [
        ("architecture", f"`zoo.InfusionModel`, {metrics['parameters']:,} parameters"),
        ("objective", _OBJECTIVE),
        ("data", f"{data.name}: {data.description}"),
        ("training images", f"{data.num_examples['train']:,}, {shape_text(data.image_shape)}"),
        *training_rows(recipe, metrics),
    ]
    return "## Training\n\n" + table(("", ""), rows)

"""The card of a classifier's run: what it is, how often it is right, what it is for."""

import json

from training.kinds.card import fidelity, shape_text, table, training_rows

__all__ = ["make_card"]

_FIGURES = (
    "![Mistakes](figures/mistakes.png)\n\n"
    "The mistakes on the test split that it was surest of: true class → what it took the image for."
)
_DATA_NOTES = {
    "cifar10": "The copy of CIFAR-10 that the pretrained model was trained and measured on has "
    "JPEG-compressed images, so its accuracy is not comparable with published ones.",
}
_USE = """## Intended use

Judging images in constraints and measures: whether a reconstruction is still recognised
(`zoo.constraints.ClassificationAccuracy`), and whether it has the features of its original
(`zoo.constraints.FeatureReconstructionError`). It computes in inference mode and in float32 always,
and is differentiable in the images.

## Limitations

- It knows images of its training data's kind and size only, and gives any image one of its classes.
- It can be fooled: images that were trained against it may be recognised without looking right.
  Measure them with another classifier than the one that the constraint used."""

_LOADING = """## How to load it

```python
import zoo

classifier = zoo.load("savedmodel/1")  # A Keras model.
probabilities = classifier(images)  # [N, {shape}] -> [N, {num_classes}]
accuracy = zoo.constraints.ClassificationAccuracy(0.95, classifier=classifier)
features = zoo.constraints.FeatureReconstructionError(0.3, features=classifier.features)
```

`savedmodel/1` is a SavedModel: TensorFlow Serving and `tf.saved_model.load` run it without this
package."""


def make_card(recipe, data, metrics):
    """Writes the card as Markdown, for the run directory; arguments as in `training.kinds.card`."""
    shape = ", ".join(map(str, data.image_shape))
    recipe_text = json.dumps(recipe.to_dict(), indent=2, ensure_ascii=False)
    sections = [
        f"# {recipe.name}\n\n{recipe.description}",
        _FIGURES,
        _measures(recipe, metrics),
        _training(recipe, data, metrics),
        _USE,
        _LOADING.format(shape=shape, num_classes=data.num_classes),
        fidelity(recipe),
        f"## The recipe\n\n```json\n{recipe_text}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _measures(recipe, metrics):
    test = metrics["test"]
    of_class = metrics["accuracy_of_each_class"]
    worst = min(range(len(of_class)), key=of_class.__getitem__)
    rows = [
        ("accuracy", f"{test['accuracy']:.2%}", "share of images whose likeliest class is right"),
        (
            "probability of the true class",
            f"{test['probability_of_true_class']:.4f}",
            "its mean: what `ClassificationAccuracy` would measure on the data themselves",
        ),
        ("cross-entropy", f"{test['cross_entropy']:.4f}", "nats an image"),
        ("least accuracy of a class", f"{of_class[worst]:.2%}", f"class {worst}"),
    ]
    text = f"## Measures\n\nOn {metrics['test_images']:,} images of the test split.\n\n"
    text += table(("measure", "value", "meaning"), rows)
    note = _DATA_NOTES.get(recipe.data["name"])
    return f"{text}\n\n{note}" if note else text


def _training(recipe, data, metrics):
    arguments = recipe.objective["arguments"]
    rows = [
        ("architecture", f"`zoo.ConvClassifier`, {metrics['parameters']:,} parameters"),
        ("objective", _objective(arguments)),
        ("data", f"{data.name}: {data.description}"),
        ("training images", f"{data.num_examples['train']:,}, {shape_text(data.image_shape)}"),
        ("augmentation", _augmentation(arguments)),
        *training_rows(recipe, metrics),
    ]
    return "## Training\n\n" + table(("", ""), rows)


def _objective(arguments):
    text = "the cross-entropy"
    if arguments.get("label_smoothing"):
        text += f", labels smoothed by {arguments['label_smoothing']:g}"
    if arguments.get("training_dtype", "float32") != "float32":
        text += f"; convolutions computed in {arguments['training_dtype']} while training"
    return text


def _augmentation(arguments):
    shift = arguments.get("shift", 0)
    parts = []
    if shift:
        parts.append(f"shifted by up to {shift} pixel{'s' * (shift > 1)} each way")
    if arguments.get("flip"):
        parts.append("half of them mirrored")
    return ", ".join(parts) or "none"

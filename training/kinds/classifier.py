"""Classifiers, which constraints and measures look at images through."""

import numpy as np

import zoo
from training import figures
from training.datasets.augmentation import augment_batches
from training.kinds.kind import Kind, register
from training.kinds.optimizers import make_optimizer
from zoo import registry
from zoo.errors import MismatchError
from zoo.names import UnknownName

__all__ = ["Classifier"]

_OBJECTIVE = "CrossEntropy"
_COMPILE_ARGUMENTS = ("label_smoothing", "training_dtype")
_AUGMENTATIONS = ("shift", "flip")
_NUM_MISTAKES = 24  # Images in the picture of mistakes.
_EVALUATION_BATCH = 500


@register
class Classifier(Kind):
    """A classifier: accuracy and cross-entropy, and a picture of its surest mistakes."""

    name = "classifier"
    model_class = zoo.ConvClassifier
    draws_images = False
    intended_use = """## Intended use

Judging images in constraints and measures: whether a reconstruction is still recognised
(`zoo.constraints.ClassificationAccuracy`), and whether it has the features of its original
(`zoo.constraints.FeatureReconstructionError`). It computes in inference mode and in float32 always,
and is differentiable in the images.

## Limitations

- It knows images of its training data's kind and size only, and gives any image one of its classes.
- It can be fooled: images that were trained against it may be recognised without looking right.
  Measure them with another classifier than the one that the constraint used."""

    # === Training ===

    def build(self, recipe, image_shape, context_shape, num_classes):
        """Returns the compiled classifier; data without labels or with context are refused."""
        self.refuse_context(recipe, context_shape)
        _check_labels(recipe, num_classes)
        _check_objective(recipe)
        arguments = recipe.objective["arguments"]
        shapes = {"image_shape": image_shape, "num_classes": num_classes}
        model = registry.build("architecture", recipe.architecture, **shapes)
        model.compile(make_optimizer(recipe), **_select(arguments, _COMPILE_ARGUMENTS))
        return model

    def train_batches(self, recipe, data, start_step):
        """Returns the endless stream of the recipe's training batches, augmented, from a step on.

        Raises:
            UsageError: An image cannot be shifted that far.
        """
        augmentation = _select(recipe.objective["arguments"], _AUGMENTATIONS)
        batches = super().train_batches(recipe, data, start_step)
        return augment_batches(batches, recipe.seed, start_step, **augmentation)

    # === Results ===

    def measure_test(self, model, data, batch_size):
        """Measures a classifier on the test split.

        Returns:
            `test` has `accuracy` and `probability_of_true_class` (its mean) in [0, 1],
            `cross_entropy` in nats an image, and the `loss` it was compiled with.

        Raises:
            UsageError: The data have no labels, or those of more classes than the classifier knows.
        """
        if data.num_classes is None or data.num_classes > model.num_classes:
            has = "no labels" if data.num_classes is None else f"{data.num_classes} classes"
            raise MismatchError(
                "dataset",
                f"labels of the {model.num_classes} classes that the classifier knows",
                f"{data.name} with {has}",
                "give another $dataset",
            )
        return super().measure_test(model, data, batch_size)

    def run_metrics(self, model, data, rows, test_logs, num_test_images):
        """Adds the accuracy of each class and the confusion matrix."""
        metrics = super().run_metrics(model, data, rows, test_logs, num_test_images)
        probabilities, labels = _predict(model, data)
        metrics["test"]["probability_of_true_class"] = _mean_of_true(probabilities, labels)
        confusion = np.zeros([model.num_classes] * 2, int)
        np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
        of_each_class = confusion.diagonal() / np.maximum(confusion.sum(axis=1), 1)
        return metrics | {
            "accuracy_of_each_class": of_each_class.tolist(),
            "confusion": confusion.tolist(),  # Row: true class. Column: what it was taken for.
        }

    def save_figures(self, model, data, recipe, rows, folder):
        """Saves `mistakes.png`: the mistakes on the test split that it was surest of."""
        probabilities, labels = _predict(model, data)
        predicted = probabilities.argmax(axis=1)
        wrong = np.flatnonzero(predicted != labels)
        order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
        surest = wrong[order][:_NUM_MISTAKES]
        batches = data.levels.batches("test", _EVALUATION_BATCH).as_numpy_iterator()
        images = np.concatenate([batch["image"] for batch in batches])[surest]
        pairs = [(labels[index], predicted[index]) for index in surest]
        captions = [" → ".join(map(data.label_text, pair)) for pair in pairs]
        figures.save_captioned(folder / "mistakes.png", images, captions)

    def summary(self, metrics):
        """Says in a line what a run reached."""
        test = metrics["test"]
        return (
            f"On the test split: accuracy {test['accuracy']:.2%} of {metrics['test_images']:,} "
            f"images, cross-entropy {test['cross_entropy']:.4f} nats an image."
        )

    # === The card ===

    def figures_text(self, recipe, data, metrics):
        """Returns the picture of mistakes in Markdown."""
        return (
            "![Mistakes](figures/mistakes.png)\n\nThe mistakes on the test split that it was "
            "surest of: true class → what it took the image for."
        )

    def measure_rows(self, data, metrics):
        """Returns accuracies and the cross-entropy."""
        test, of_class = metrics["test"], metrics["accuracy_of_each_class"]
        worst = min(range(len(of_class)), key=of_class.__getitem__)
        right = "share of images whose likeliest class is right"
        mean = "its mean: what `ClassificationAccuracy` would measure on the data themselves"
        return [
            ("accuracy", f"{test['accuracy']:.2%}", right),
            ("probability of the true class", f"{test['probability_of_true_class']:.4f}", mean),
            ("cross-entropy", f"{test['cross_entropy']:.4f}", "nats an image"),
            (
                "least accuracy of a class",
                f"{of_class[worst]:.2%}",
                f"class {data.label_text(worst)}",
            ),
        ]

    def training_rows(self, recipe, data):
        """Returns the objective and the augmentation in words."""
        arguments = recipe.objective["arguments"]
        return {
            "objective": _describe(arguments),
            "classes": ", ".join(map(data.label_text, range(data.num_classes))),
            "augmentation": _describe_augmentation(arguments),
        }

    def loading_code(self, data):
        """Returns Python code that loads the classifier and constrains with it."""
        shape = ", ".join(map(str, data.image_shape))
        return f"""classifier = zoo.load("savedmodel/1")  # A Keras model.
probabilities = classifier(images)  # [N, {shape}] -> [N, {data.num_classes}]
accuracy = zoo.constraints.ClassificationAccuracy(0.95, classifier=classifier)
features = zoo.constraints.FeatureReconstructionError(0.3, features=classifier.features)"""


def _select(arguments, names):
    return {name: arguments[name] for name in names if name in arguments}


def _check_labels(recipe, num_classes):
    if num_classes is None:
        raise MismatchError(
            "dataset",
            f"labels for {recipe.name}, which learns to tell classes apart",
            f"{recipe.data['name']} without labels",
            "give $dataset with labels, such as digits, mnist or cifar10",
        )


def _check_objective(recipe):
    name = recipe.objective["class_name"]
    if name != _OBJECTIVE:
        raise MismatchError(
            "objective",
            f"{_OBJECTIVE}, which trains a classifier",
            f"{name} of {recipe.name}",
            "leave $objective out",
        )
    known = (*_COMPILE_ARGUMENTS, *_AUGMENTATIONS)
    for argument in recipe.objective["arguments"]:
        if argument not in known:
            raise UnknownName(f"argument of {_OBJECTIVE}", argument, known)


def _predict(model, data):
    """Returns probabilities `[N, K]` and labels `[N]` of the whole test split."""
    parts = [
        (np.asarray(model(batch["image"])), np.asarray(batch["label"]))
        for batch in data.batches("test", _EVALUATION_BATCH)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _mean_of_true(probabilities, labels):
    return float(probabilities[np.arange(len(labels)), labels].mean())


def _describe(arguments):
    text = "the cross-entropy"
    if arguments.get("label_smoothing"):
        text += f", labels smoothed by {arguments['label_smoothing']:g}"
    if arguments.get("training_dtype", "float32") != "float32":
        text += f"; convolutions computed in {arguments['training_dtype']} while training"
    return text


def _describe_augmentation(arguments):
    shift = arguments.get("shift", 0)
    parts = []
    if shift:
        parts.append(f"shifted by up to {shift} pixel{'s' * (shift > 1)} each way")
    if arguments.get("flip"):
        parts.append("half of them mirrored")
    return ", ".join(parts) or "none"

"""What a kind of model is to a run and to the commands, and the finding of a model's kind."""

import keras
import numpy as np

from training.datasets.augmentation import augment_batches
from training.kinds import card
from zoo import registry
from zoo.errors import MismatchError, UsageError

__all__ = ["KINDS", "Kind", "make_model", "of_class", "of_model", "of_recipe", "register"]

KINDS = []


class Kind:
    """A kind of model: how it is made and fed, what is measured, drawn and said of it.

    A new kind is one file in this folder, with a subclass that `register` decorates. It defines
    `build` and the attributes, and of the rest what differs.

    Attributes:
        name: What messages call such a model, as in "a classifier".
        model_class: The class of `zoo` that all architectures of the kind are or derive from.
        draws_images: Whether the models have `sample` and `reconstruct`.
        has_latents: Whether there are latents to reconstruct an image from.
        measured_how: Ends the sentence that says on which images it was measured.
        intended_use: Markdown, for the card: what the model is for, and its limitations.
    """

    name = None
    model_class = None
    draws_images = True
    has_latents = False
    measured_how = ""
    intended_use = ""

    # === Training ===

    def make(self, recipe, image_shape, context_shape=None, num_classes=None):
        """Makes the recipe's model with its initial weights, compiled, with a built optimiser.

        Under a strategy, call it in the strategy's scope.

        Args:
            recipe: A `Recipe`.
            image_shape: (height, width, channels) of its data.
            context_shape: (height, width, channels) of its data's context images; None where
                there are none.
            num_classes: Number of classes of its data; None without labels.

        Raises:
            UsageError: The model does not take such data, or the recipe asks for what does not
                exist; the message says which.
        """
        keras.utils.set_random_seed(recipe.seed)
        try:
            model = self.build(recipe, image_shape, context_shape, num_classes)
        except UsageError:
            raise
        except (TypeError, ValueError) as error:  # What a class of `zoo` says of an argument.
            raise UsageError(str(error)) from error
        model.optimizer.build(model.trainable_variables)  # So that its state can be restored.
        return model

    def build(self, recipe, image_shape, context_shape, num_classes):
        """Returns the compiled model, as in `make`; a ValueError is about the recipe."""
        raise NotImplementedError

    @staticmethod
    def refuse_context(recipe, context_shape):
        """Raises MismatchError for data whose images come with context images, if it is called."""
        if context_shape is not None:
            raise MismatchError(
                "dataset",
                f"single images for {recipe.name}, which takes an image alone",
                f"{recipe.data['name']}, whose examples have context images beside them",
                "give $dataset without context, such as mnist",
            )

    def train_batches(self, recipe, data, start_step):
        """Returns the endless stream of the recipe's training batches, augmented, from a step on.

        Raises:
            UsageError: An image cannot be shifted that far, or belongs to a context image.
        """
        batches = data.train_batches(recipe.batch_size, recipe.seed, start_step)
        return augment_batches(batches, recipe.seed, start_step, **recipe.augmentation)

    def begin(self, model, data):
        """Prepares a new model for its training, by training images."""

    def callbacks(self, model, data, num_epochs):
        """Returns the Keras callbacks that such a model needs in a run of so many epochs."""
        return []

    # === Results ===

    def finish(self, model, data, batch_size, told):
        """Does what a run does between the training and the measuring; returns its facts by name.

        Args:
            model: The trained model.
            data: The `ImageDataset`.
            batch_size: Images a batch.
            told: As `training.runs.stages.stage`: says what goes on.
        """
        return {}

    def finish_again(self, model, metrics):
        """Puts into a finished run's checkpoint what `finish` made of the model, by its facts."""

    def measure_test(self, model, data, batch_size, **given):
        """Measures a model on the test split, for `vae-zoo evaluate`.

        Args:
            model: The model.
            data: The `ImageDataset`.
            batch_size: Images a batch.
            **given: What else `evaluate` takes: the `tolerance` of a model with a range.

        Returns:
            As `run_metrics`.

        Raises:
            UsageError: The data are not such as the model takes.
        """
        batches = data.batches("test", batch_size)
        logs = model.evaluate(batches, return_dict=True, verbose=0, **given)
        return self.run_metrics(model, data, [], logs, data.num_examples["test"], **given)

    def run_metrics(self, model, data, rows, test_logs, num_test_images):
        """Gathers what is known of a model on the test split, for `metrics.json` and people.

        Args:
            model: The trained model.
            data: The `ImageDataset`.
            rows: The run's history, one dict an epoch; none of a model whose run is not known.
            test_logs: What `model.evaluate` gave on the test split.
            num_test_images: Images of the test split that it saw.

        Returns:
            JSON-ready values: `test` has what the model logs, a float by name.
        """
        found = {"test": self.logs(test_logs), "test_images": num_test_images}
        return found | ({"caveat": data.caveat} if data.caveat else {})

    def measure_rows(self, data, metrics):
        """Returns what was measured for people, in order: (measure, value, unit and meaning) each.

        Args:
            data: The `ImageDataset`.
            metrics: What `run_metrics` returned.
        """
        raise NotImplementedError

    def verdicts(self, metrics):
        """Says whether what was asked for was reached: a list of sentences."""
        return []

    def save_figures(self, model, data, recipe, rows, folder):
        """Saves the pictures of a finished run in a folder; arguments as in `run_metrics`."""
        raise NotImplementedError

    def summary(self, metrics):
        """Says in a few lines what a run reached; `metrics` are the values of `metrics.json`."""
        raise NotImplementedError

    @staticmethod
    def logs(values):
        """Returns what Keras logged as plain floats by name."""
        return {name: float(np.squeeze(value)) for name, value in values.items()}

    # === The card ===

    def make_card(self, recipe, data, metrics):
        """Writes the card of a run as Markdown.

        Args:
            recipe: The `Recipe`.
            data: The `ImageDataset`.
            metrics: The values of `metrics.json`.
        """
        return card.join(
            card.title(recipe),
            self.figures_text(recipe, data, metrics),
            card.measures(
                data,
                metrics,
                self.measure_rows(data, metrics),
                self.verdicts(metrics),
                self.measured_how,
            ),
            card.training(recipe, data, metrics, self.training_rows(recipe, data)),
            self.use_text(recipe, metrics),
            card.loading(self.loading_code(data)),
            card.licence(data, recipe),
            card.fidelity(recipe),
            card.recipe_text(recipe),
        )

    def figures_text(self, recipe, data, metrics):
        """Returns the figures in Markdown, with what is seen on each."""
        raise NotImplementedError

    def training_rows(self, recipe, data):
        """Returns more of the training by its name; `objective` at least."""
        raise NotImplementedError

    def use_text(self, recipe, metrics):
        """Returns the sections about use and limitations."""
        return self.intended_use

    def loading_code(self, data):
        """Returns Python code that loads the model and uses it."""
        raise NotImplementedError


# === Finding ===


def register(kind_class):
    """Adds a kind: a class decorator. A kind that is registered later goes before."""
    KINDS.insert(0, kind_class())
    return kind_class


def of_class(model_class):
    """Returns the `Kind` of a model's class.

    Raises:
        UsageError: It is of no kind.
    """
    for kind in KINDS:
        if issubclass(model_class, kind.model_class):
            return kind
    names = ", ".join(f"zoo.{kind.model_class.__name__}" for kind in KINDS)
    raise UsageError(
        f"{model_class.__name__} is of no kind that can be trained by a recipe. Derive it from one "
        f"of {names}, or register a kind of its own."
    )


def of_model(model):
    """Returns the `Kind` of a model; raises as `of_class`."""
    return of_class(type(model))


def of_recipe(recipe):
    """Returns the `Kind` of model that a recipe trains.

    Raises:
        UsageError: There is no such architecture, or it is of no kind.
    """
    return of_class(registry.find("architecture", recipe.architecture["class_name"]))


def make_model(recipe, data):
    """Makes the recipe's model, of whatever kind, for a data set; as `Kind.make`."""
    make = of_recipe(recipe).make
    return make(recipe, data.image_shape, data.context_shape, data.num_classes)

"""The classification accuracy of Taming VAEs, Table 1 (CLA)."""

import tensorflow as tf

from zoo import checks, papers, registry
from zoo.constraints.constraint import ErrorConstraint
from zoo.constraints.frozen_network import FrozenNetwork, example_network, load_classifier
from zoo.errors import MARK
from zoo.labels import as_labels

__all__ = ["ClassificationAccuracy"]


@registry.register("constraint", package="zoo.constraints")
class ClassificationAccuracy(ErrorConstraint):
    """Bounds from below how well a fixed classifier recognises the reconstructions.

    C(x, g) = κ - l(x)ᵀ c(g), with l the one-hot true label of the batch and c the class
    probabilities (Taming VAEs, Table 1, which prints the opposite sign: feasible must mean an
    accuracy of at least κ). A larger κ asks for more. The accuracy is the mean probability of the
    true class, a smooth stand-in for the share of images recognised.

    GECO starts the multiplier at D/(2(1 - κ)), far above what the constraint costs in the end
    [choice]. A classifier that is sure of a wrong class has hardly a gradient, so a start at the
    nats that a label holds leaves the model where it is while the multiplier winds up.

    Args:
        tolerance: κ in (0, 1), the mean probability of the true class to reach.
        classifier: A built Keras model from images `[B, H, W, C]` in [0, 1] to class probabilities
            `[B, K]`. It is copied as it is now, run in inference mode and never trained; see
            `zoo.constraints.frozen_network`. Or what `zoo.load` finds one by, a name such as
            "classifier_mnist" or a path.
        from_logits: Whether the classifier gives logits, to which a softmax is applied.

    Raises:
        ValueError: The tolerance is not in (0, 1), or the classifier no built Keras model. On
            compiling: the classifier does not take the model's images or give `[B, K]`. In a step:
            the batch has no labels, or others than classes 0 to K - 1 (`[B]` or `[B, 1]`) or
            one-hot rows (`[B, K]`); or the outputs are no probabilities.

    Example:
        >>> accuracy = zoo.constraints.ClassificationAccuracy(0.95, classifier=classifier)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.GECO(accuracy))
        >>> model.fit(images, labels, epochs=10)
    """

    citations = (papers.TAMING_VAES,)
    short_name = "CLA"

    def __init__(self, tolerance, classifier, from_logits=False, name=None, **kwargs):
        tolerance = checks.number(
            "tolerance",
            tolerance,
            above=0,
            below=1,
            why="the mean probability of the true class that reconstructions must reach, such as "
            "0.95",
        )
        super().__init__(tolerance, name=name, **kwargs)
        if isinstance(classifier, str):
            classifier = load_classifier(classifier)
        is_frozen = isinstance(classifier, FrozenNetwork)
        self.classifier = classifier if is_frozen else FrozenNetwork(classifier)
        self.from_logits = bool(from_logits)
        self.built = True

    def check(self, model):
        """Raises ValueError if the classifier does not give the model's images class scores."""
        super().check(model)
        self._num_classes(model.image_shape)

    def _num_classes(self, image_shape):
        shape = self.classifier.output_shape(image_shape)
        if len(shape) != 1 or shape[0] is None or shape[0] < 2:
            raise ValueError(
                "The classifier must give one number for each of at least 2 classes, of shape "
                f"[batch, classes]. Received: an output of shape {(None, *shape)}"
            )
        return shape[0]

    def values(self, record):
        """Returns κ less the probability of the true class, float32 `[B]`."""
        outputs = self.classifier(record.reconstruction)
        labels = _one_hot(record.labels, outputs.shape[-1])
        if self.from_logits:
            probabilities = tf.nn.softmax(outputs)
        else:
            with tf.control_dependencies([_assert_probabilities(outputs)]):
                probabilities = tf.identity(outputs)
        return self.tolerance - tf.reduce_sum(labels * probabilities, axis=-1)

    @property
    def scale(self):
        """1 - κ: the mean probability that wrong classes may have."""
        return 1.0 - self.tolerance

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""

        def make(name, **arguments):
            return lambda: cls(0.7, example_network(image_shape), name=name, **arguments)

        return {"": make("accuracy"), "logits": make("logits", from_logits=True)}


def _one_hot(labels, num_classes):
    """Reads labels as `ClassificationAccuracy` takes them; returns float32 `[B, K]`."""
    if labels is not None:
        labels = tf.convert_to_tensor(labels)
        if labels.shape.rank == 2 and labels.shape[1] == num_classes:
            return tf.cast(labels, tf.float32)
    other_form = f", or one-hot rows of {num_classes}, the classifier's number of classes"
    labels = as_labels(labels, num_classes, "ClassificationAccuracy", other_form)
    return tf.one_hot(labels, num_classes)


def _assert_probabilities(outputs):
    """Returns an op that fails on outputs that are no probabilities; XLA leaves it out."""
    total = tf.reduce_sum(outputs, axis=-1)
    # Wide enough for a classifier that computes in bfloat16.
    is_valid = tf.reduce_all((outputs >= 0.0) & (tf.abs(total - 1.0)[..., None] < 0.05))
    message = (
        f"{MARK} the classifier must give class probabilities, each at least 0, together 1. For "
        "one that gives logits, pass from_logits=True. Received rows that add up to between"
    )
    extremes = [tf.reduce_min(total), "and", tf.reduce_max(total), "least:", tf.reduce_min(outputs)]
    return tf.debugging.Assert(is_valid, [message, *extremes])

"""A model behind TensorFlow Serving, as the page asks it."""

from training.explore.explored_model import ExploredModel
from training.explore.reconstruction import Reconstruction, errors_of
from zoo.errors import UsageError
from zoo.tolerance_range import ToleranceRange

__all__ = ["ServedModel"]

# Of a model whose recipe is not known, which does not say it: beyond its own it says so itself.
_ANY_RANGE = ToleranceRange(0.01, 0.5)


class ServedModel(ExploredModel):
    """A model that a `zoo.serving.Client` calls.

    Args:
        name: The model's name at the server.
        client: The client of that model.
        recipe: The `Recipe` that made it, for its test images and range, or None.

    Raises:
        UsageError: What is served draws no images.
        ServingError: The server does not answer.
    """

    def __init__(self, name, client, recipe=None):
        self._signatures = client.signatures()
        if "sample" not in self._signatures:
            raise UsageError(
                f"The server's model {name} draws no images. It answers "
                f"{', '.join(sorted(self._signatures))}. Name another of its models."
            )
        remote = _Remote(client, self._signatures, recipe)
        super().__init__(name, remote, recipe, {"reconstruct", "encode"} <= {*self._signatures})
        self._client = client

    def reconstruct(self, images, context=None, tolerance=None):
        """Returns the `Reconstruction` of images, from posterior means, with log p(x) as nats.

        The rate is not among what a server is asked for.
        """
        given = self._given(tolerance, context)
        means = self._client.reconstruct(images, **given)
        nats = None
        if "log_prob" in self._signatures:
            nats = -self._client.log_prob(images, **given)
        return Reconstruction(means, errors_of(images, means), nats, "-log p(x) at most")


class _Remote:
    """A client instead of a Keras model."""

    def __init__(self, client, signatures, recipe):
        self.sample, self.encode, self.decode = client.sample, client.encode, client.decode
        inputs, outputs = signatures["sample"].inputs, signatures["sample"].outputs
        self.image_shape = outputs["image"].row_shape
        context = inputs.get("context")
        self.context_shape = context and context.row_shape
        self.tolerances = _range_of(recipe) if "tolerance" in inputs else None

    @staticmethod
    def images_of(images, noise):
        """Returns what `decode` gave, which is images already."""
        return images


def _range_of(recipe):
    arguments = recipe.architecture["arguments"] if recipe else {}
    ends = arguments.get("tolerance_range")
    return ToleranceRange(*ends) if ends else _ANY_RANGE

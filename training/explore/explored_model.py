"""What the page asks of a model, wherever that is."""

import numpy as np

from training.evaluation import latents
from training.explore.examples import find_examples
from zoo.errors import UserError
from zoo.serving.client.errors import ServingError

__all__ = ["FORESEEN", "ExploredModel"]

FORESEEN = (UserError, ServingError, ValueError)  # What the page says in a sentence.


class ExploredModel:
    """A model's public methods, in the terms of the page.

    Args:
        name: What the page calls it.
        model: Has `image_shape`, `sample` and, where `has_latents`, `encode`, `decode`,
            `images_of`; and `context_shape` and `tolerances` if it has any.
        recipe: The `Recipe` that made it, or None.
        has_latents: Whether images can be encoded and decoded.

    Attributes:
        image_shape: (height, width, channels).
        context_shape: Likewise of a conditional model's context, else None.
        tolerances: The `ToleranceRange` of a model that takes the tolerance as an input, else None.
        fit: How uploads are brought to the model's size.
        examples: The `Examples` to choose from.
        has_chain: Whether samples come in steps that can be shown.
        has_codec: Whether images can be coded.
        has_masks: Whether hidden pixels can be filled in.
    """

    has_chain = has_codec = has_masks = False

    def __init__(self, name, model, recipe, has_latents):
        self.name, self._model, self.has_latents = name, model, has_latents
        self.image_shape = model.image_shape
        self.context_shape = getattr(model, "context_shape", None)
        self.tolerances = getattr(model, "tolerances", None)
        fit = recipe.data["options"].get("fit", "crop") if recipe else "crop"
        self.fit = "resize" if fit == "resize" else "crop"
        self.examples = find_examples(self, recipe)

    @property
    def middle(self):
        """The middle of the range of tolerances, or None."""
        return self.tolerances and self.tolerances.middle

    @property
    def first_example(self):
        """The first of the examples, `[1, H, W, C]`, and its context or None."""
        contexts = self.examples.contexts
        return self.examples.images[:1], None if contexts is None else contexts[:1]

    def warm_up(self):
        """Calls once what the first move of a slider would otherwise wait for."""
        images, context = self.first_example
        if self.has_latents:
            self.reconstruct(images, context, self.middle)
        self.sample(1, 0, context=context)

    def _given(self, tolerance=None, context=None):
        """Returns those arguments that the model takes; the tolerance is the middle by default."""
        if self.tolerances is not None and tolerance is None:
            tolerance = self.middle
        given = {} if self.tolerances is None else {"tolerance": tolerance}
        return given if context is None else given | {"context": context}

    # === Images ===

    def reconstruct(self, images, context=None, tolerance=None):
        """Returns the `Reconstruction` of images `[N, H, W, C]`."""
        raise NotImplementedError

    def sample(self, num, seed, temperature=1.0, tolerance=None, context=None):
        """Returns samples, `[num, H, W, C]` in pixel units."""
        given = self._given(tolerance, context)
        return np.asarray(self._model.sample(num, seed=seed, temperature=temperature, **given))

    # === Latents ===

    def group_sizes(self):
        """Returns the numbers of latents of each group."""
        return [int(np.prod(group.shape[1:])) for group in self._first_latents()]

    def _first_latents(self):
        images, context = self.first_example
        return self._model.encode(images, **self._given(context=context))

    def interpolate(self, start, end, num, tolerance=None):
        """Returns images between two, `[num, H, W, C]`, along a line of latents."""
        pair = start[None], end[None]
        return latents.interpolations(self._model, *pair, num, **self._given(tolerance))[0]

    def traverse(self, image, group, index, reach, num, tolerance=None, context=None):
        """Returns images with one latent moved, `[num, H, W, C]`: see `latents.traversal`."""
        given = self._given(tolerance, context)
        return latents.traversal(self._model, image, group, index, reach, num, **given)

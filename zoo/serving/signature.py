"""One thing that an exported model answers: what it takes, how it is checked, what it gives."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from zoo.serving import encoded_images, input_checks
from zoo.tolerance_range import ToleranceRange

__all__ = ["Signature"]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One thing that an exported model answers.

    Attributes:
        inputs: Name to `tf.TensorSpec` `[None, ...]`.
        answer: The answer in terms of the Keras model: a dict of tensors in, as `read` gives them,
            a dict of tensors out.
        image_shape: (height, width, channels) of `image_bytes`, if that is an input.
        tolerances: The `zoo.tolerance_range.ToleranceRange` of `tolerance`, if that is one.
    """

    inputs: dict
    answer: Callable
    image_shape: tuple | None = None
    tolerances: ToleranceRange | None = None

    def read(self, given):
        """Checks the inputs, a dict of tensors, and makes faulty rows harmless.

        Returns:
            A dict of tensors, images instead of encoded ones (`image` for `image_bytes`); and
            errors, string `[N]`, "" for a good row.

        Raises:
            tf.errors.InvalidArgumentError: A wrong rank or size, no or unequally many rows, or
                every row is faulty.
        """
        given = {
            name: input_checks.assert_rows(given[name], spec.shape[1:].as_list(), name)
            for name, spec in self.inputs.items()
        }
        given = input_checks.assert_equal_rows(given)
        checked, errors = {}, []
        for name, values in given.items():
            checked[name.removesuffix("_bytes")], error = self._check(values, name)
            errors.append(error)
        return checked, input_checks.first_error(errors)

    def _check(self, values, name):
        if values.dtype == tf.string:
            return encoded_images.decode(values, self.image_shape, name)
        if name in ("image", "context"):
            return input_checks.check_unit_range(values, name)
        if name == "temperature":
            return input_checks.check_not_negative(values, name)
        if name == "mask":
            return input_checks.check_mask(values, name)
        if name == "tolerance":
            return input_checks.check_tolerance(values, self.tolerances, name)
        if values.dtype.is_floating:
            return input_checks.check_finite(values, name)
        return values, input_checks.no_errors(values)

    def as_function(self):
        """Returns the TensorFlow function that checks its inputs, which have names, and answers."""

        # No AutoGraph, for Keras has none either: a model runs here as it does in `fit`.
        @tf.function(autograph=False)
        def signature(**given):
            checked, error = self.read(given)
            # Nothing of the model runs before a request of faulty rows alone has failed.
            with tf.control_dependencies([error]):
                outputs = self.answer(tf.nest.map_structure(tf.identity, checked))
            unanswered = input_checks.check_answers(outputs, tuple(self.inputs))
            error = input_checks.first_error([error, unanswered])
            return input_checks.blank_faulty(outputs, error) | {"error": error}

        return signature.get_concrete_function(**self.inputs)

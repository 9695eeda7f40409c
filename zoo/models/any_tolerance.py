"""What a `zoo.LatentImageModel` for a range of tolerances adds: its input, its calibration.

A model with `tolerance_range` is one for every tolerance κ of the range. Training draws a κ for
each row, log-uniformly from a range 15% wider at either end, and `zoo.GECO` holds each row's error
to its own κ. Methods take `tolerance=`, a number or one a row, by default the range's middle.

The promise is about means: at each κ the root mean squared error over the data, with z drawn, is κ.
Without a seed methods take posterior means of z, of which the error is less than κ. What training
leaves of a bias `calibrate` measures on held-out images, and a table then corrects what goes in.
"""

import logging

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, random
from zoo.base.compiled import compiled
from zoo.errors import BatchError
from zoo.layers import ModulatedNetwork
from zoo.models.tolerance_input import Calibration, ToleranceInput
from zoo.tolerance_range import ToleranceRange, check_range

__all__ = ["LEAST_IMAGES", "AnyTolerance"]

_LOG = logging.getLogger(__name__)
LEAST_IMAGES = 500  # To calibrate by: the error of one image varies by a fifth of κ.
_UNMET = 1.03


class AnyTolerance:
    """Adds the tolerance to a model that may have a range of them, and nothing to one without."""

    _asked_tolerance = None  # By `evaluate` or `predict`, for all rows: a variable.
    _is_one_evaluated = _is_one_in_graph = False

    def _set_range(self, tolerance_range):
        """Checks and keeps the constructor's argument."""
        self.tolerance_range = None
        if tolerance_range is not None:
            self.tolerance_range = check_range("tolerance_range", tolerance_range)
            self.tolerances = ToleranceRange(*self.tolerance_range)

    def _add_tolerance_input(self, sizes):
        """Makes the layers, after all others, so that those have the weights of a plain model.

        Args:
            sizes: As in `ToleranceInput`.
        """
        if self.tolerances is not None:
            self.tolerance_input = ToleranceInput(
                self.tolerances.trained, sizes, name="tolerance_input"
            )
            self.calibration = Calibration(self.tolerances.trained, name="calibration")

    def _with_modulations(self, network, activation):
        """Returns a Sequential network, of a model with a range as one whose layers take it in."""
        return network if self.tolerances is None else ModulatedNetwork(network, activation)

    def _add_tolerance_input_of_networks(self):
        """As `_add_tolerance_input`, for an `encoder` and a `decoder` made `_with_modulations`."""
        if self.tolerances is not None:
            networks = {"encoder": self.encoder, "decoder": self.decoder}
            self._add_tolerance_input({name: net.sizes for name, net in networks.items()})

    def _modulations(self, tolerance):
        """What `ToleranceInput` gives for inputs `[B]`; None where there are none."""
        return None if tolerance is None else self.tolerance_input(tolerance)

    def _given(self, tolerance, num_rows, is_input=False):
        """What else the architecture's own methods get: {}, or `tolerance`, the input `[B]`.

        Args:
            tolerance: Tolerances, a scalar or `[B]`, or None.
            num_rows: B.
            is_input: Whether they are inputs already, as in training.
        """
        if tolerance is None:
            return {}
        tolerance = tf.broadcast_to(tf.cast(tolerance, tf.float32), [num_rows])
        return {"tolerance": tolerance if is_input else self.calibration(tolerance)}

    def _likelihood_at(self, parameters, tolerance):
        """Returns p(x|z); that of a model with a range has each row's κ for a running scale.

        σ*, the root of the mean error over all κ, would be the scale of none.
        """
        if tolerance is None:
            return self._likelihood(parameters)
        scale = tf.reshape(tf.cast(tolerance, tf.float32), [-1, 1, 1, 1])
        return self.likelihood.at_scale(parameters, scale)

    # === Calibration ===

    def calibrate(self, images, context=None, batch_size=100, seed=0):
        """Measures the error at 17 inputs, and corrects by it what is asked for from now on.

        To be called after training, which begins by forgetting it, with images that are neither
        trained nor tested on.

        Args:
            images: At least 500, `[N, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            batch_size: Images at a time.
            seed: Of the latents that are drawn.

        Returns:
            The root mean squared errors at `model.calibration.inputs`, NumPy `[17]`, pixel units.

        Raises:
            ValueError: The model has no range, or the images are too few or none of its own.

        Example:
            >>> model = zoo.ConvVAE((28, 28, 1), tolerance_range=(0.06, 0.175))
            >>> objective = zoo.GECO(zoo.constraints.ReconstructionError((0.06, 0.175)))
            >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
            >>> model.fit(images, epochs=10)
            >>> model.calibrate(validation_images)  # in pixel units, [17]
        """
        if self.tolerances is None:
            raise ValueError(
                f"This {type(self).__name__} was made without tolerance_range, so there is nothing "
                "to calibrate. Make one with tolerance_range=(least, most)."
            )
        checks.integer("batch_size", batch_size)
        images, context = self._check_batch(images, context)
        num_images = images.shape[0]
        if num_images < LEAST_IMAGES:
            raise BatchError(
                f"calibrate needs at least {LEAST_IMAGES} images, for an error within 1%. "
                f"Received: {num_images}"
            )
        errors = []
        for tolerance in self.calibration.inputs:
            total = 0.0
            for start in range(0, num_images, batch_size):
                rows = slice(start, start + batch_size)
                own = None if context is None else context[rows]
                first = random.as_seed(seed) + tf.constant([0, start])
                total += float(self._run_total_error(images[rows], own, tolerance, first))
            errors.append(np.sqrt(total / num_images))
        self.calibration.store(errors)
        if self.calibration.errors[0] > _UNMET * self.tolerances.least:
            _LOG.warning(
                "The least error that this model reaches on the images of its calibration is %.3g, "
                "and its tolerance_range begins at %.3g: what is asked for below is not met. Train "
                "for more steps, give the model more capacity, or begin the range higher.",
                self.calibration.errors[0],
                self.tolerances.least,
            )
        return np.array(errors)

    @compiled
    def _run_total_error(self, images, context, tolerance, seed):
        """Sums the squared errors of images, each a mean over pixels, at an input."""
        images, context = self._as_images(images), self._as_context(context)
        num_rows = tf.shape(images)[0]
        noise = random.RowNoise(random.row_seeds(seed, num_rows))
        given = self._given(tolerance, num_rows, is_input=True)
        drawn = self._infer(images, context, noise, **given)
        error = tf.reduce_mean((images - self._likelihood(drawn.parameters).mean()) ** 2, (1, 2, 3))
        return tf.reduce_sum(error)

    def own_callbacks(self, callbacks):
        """Adds the one that forgets a calibration, which was of other weights."""
        found = super().own_callbacks(callbacks)
        if self.tolerances is None:
            return found
        forget = keras.callbacks.LambdaCallback(on_train_begin=lambda _: self.calibration.forget())
        return [*found, forget]

    # === Evaluation ===

    def evaluate(self, *args, tolerance=None, **kwargs):
        """Evaluates as `keras.Model.evaluate` does; of a model with a range at five tolerances.

        These are evenly spaced in log κ: logged are `rate_0.06`, `rmse_0.06` and so on, and `rate`,
        `rmse` and `distortion` at the third, the middle.

        Args:
            *args: As in `keras.Model.evaluate`.
            tolerance: Evaluates at this one alone: a number.
            **kwargs: As in `keras.Model.evaluate`.

        Raises:
            ValueError: As in `fit`, or the tolerance is out of the range.

        Example:
            >>> logs = model.evaluate(images, return_dict=True)
            >>> logs["rmse"], logs["rate"]  # in pixel units, and in nats an image
        """
        is_one = tolerance is not None
        if is_one:
            self._ask_for(self._check_tolerance(tolerance, 1)[0])
        if is_one != self._is_one_in_graph:
            self.test_function = None
        self._set_past_tracker(_is_one_evaluated=is_one, _is_one_in_graph=is_one)
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self._set_past_tracker(_is_one_evaluated=False)

    @property
    def metrics(self):
        """The logged Keras metrics: those of a single tolerance, or at five of them."""
        unused = ()
        if self.tolerances is not None and hasattr(self, "_trackers"):
            curve = {self._trackers["curve"]}
            unused = set(self._trackers.values()) - curve if not self._is_one_evaluated else curve
        return [metric for metric in super().metrics if metric not in unused]

    def _evaluated_rows(self, rows):
        """Repeats what `evaluate` measures at several tolerances, and returns these, `[B]`.

        Args:
            rows: A list of tensors `[B, ...]` or None.
        """
        if self.tolerances is None:
            return rows, None
        if self._is_one_evaluated:
            return rows, tf.fill(tf.shape(rows[0])[:1], tf.convert_to_tensor(self._asked_tolerance))
        points = self.tolerances.measured
        tolerances = tf.tile(tf.constant(points, tf.float32), tf.shape(rows[0])[:1])
        # All of an image's side by side: the noise of a row is that of its place over all replicas.
        rows = [None if x is None else tf.repeat(x, len(points), axis=0) for x in rows]
        return rows, tolerances

    # === Prediction ===

    def predict(self, x, *args, tolerance=None, **kwargs):
        """Reconstructs many images in batches; see `zoo.base.entrances`.

        Args:
            x: As in `fit`, or batches that are dicts with a `tolerance`, `[B]`.
            *args: As in `zoo.base.entrances`.
            tolerance: A number, or where `x` is an array or a dict of them one an image.
            **kwargs: As in `zoo.base.entrances`.

        Example:
            >>> model.predict(images, batch_size=16)  # float32 [N, 28, 28, 1], at posterior means
        """
        return super().predict(self._with_tolerance(x, tolerance), *args, **kwargs)

    def predict_on_batch(self, x, *args, tolerance=None, **kwargs):
        """Reconstructs one batch, as `predict` does.

        Example:
            >>> model = zoo.ConvVAE((28, 28, 1), tolerance_range=(0.05, 0.2))
            >>> model.predict_on_batch(images, tolerance=0.1)  # [N, 28, 28, 1]
        """
        return super().predict_on_batch(self._with_tolerance(x, tolerance), *args, **kwargs)

    def _with_tolerance(self, data, tolerance):
        """Returns data with a tolerance for each row, or takes note of the one for all."""
        data = data[0] if isinstance(data, tuple) else data
        images = data.get("image") if isinstance(data, dict) else data
        is_one = np.ndim(tolerance) == 0
        num_rows = 1 if is_one else next(iter(getattr(images, "shape", ())), None)
        checked = self._check_tolerance(tolerance, num_rows)
        if checked is None:
            return data
        if is_one:
            self._ask_for(checked[0])
            return data
        return (data if isinstance(data, dict) else {"image": data}) | {"tolerance": checked}

    def _predicted_with(self, data):
        given = super()._predicted_with(data)
        column = data.get("tolerance") if isinstance(data, dict) else None
        if self.tolerances is None or column is not None:
            checked = self._check_tolerance(column)
            return given if checked is None else given | {"tolerance": checked}
        return given | {"tolerance": tf.convert_to_tensor(self._asked_tolerance)}

    def _ask_for(self, tolerance):
        """Sets the tolerance of what Keras runs from a graph that is made once."""
        if self._asked_tolerance is None:
            with self.distribute_strategy.scope():
                variable = keras.Variable(
                    0.0, dtype="float32", trainable=False, aggregation="only_first_replica"
                )
            self._set_past_tracker(_asked_tolerance=variable)
        self._asked_tolerance.assign(tolerance)

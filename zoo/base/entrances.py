"""Keras's ways into a model: `fit`, `evaluate`, `predict` and those for one batch."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, random
from zoo.base import inputs
from zoo.base.stop_if_not_finite import StopIfNotFinite
from zoo.errors import BatchError

__all__ = ["Entrances"]

_COUNTS = ("batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size", "steps")


class Entrances:
    """Keras's methods, which check their arguments first: an error is one line and changes nothing.

    To be named before `keras.Model` among the bases. A subclass has `image_shape` and
    `context_shape`, and defines `_predict(images, context, seed)`: what `predict` gives for a
    batch, with the seed of its first row, or None.
    """

    def fit(self, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on a batch as `zoo.base.inputs.unpack` reads it.

        Raises:
            ValueError: Bad images, labels or other arguments, a loss or weights that are not finite
                (no weight was changed by that step), or `sample_weight`.

        Example:
            >>> history = model.fit(images, batch_size=12, epochs=1, verbose=0).history
            >>> history["loss"]  # one number an epoch, nats an image
        """
        given = self._read_call("fit", args, kwargs)
        if not isinstance(given.get("callbacks"), keras.callbacks.CallbackList):
            callbacks = list(keras.tree.flatten(given.get("callbacks") or []))
            # First the check, before any callback of the user's saves that state.
            given["callbacks"] = [StopIfNotFinite(), *callbacks, *self.own_callbacks(callbacks)]
        if isinstance(given["x"], tf.data.Dataset) or inspect.isgenerator(given["x"]):
            given.setdefault("shuffle", False)  # Keras warns of its own default otherwise.
        with inputs.plain_errors():
            return super().fit(**given)

    def evaluate(self, *args, **kwargs):
        """Evaluates as `keras.Model.evaluate` does; the same call gives the same.

        Example:
            >>> logs = model.evaluate(test_images, verbose=0, return_dict=True)
            >>> logs["rmse"], logs["rate"]  # pixel units; nats an image
        """
        return self._enter("evaluate", args, kwargs)

    def train_on_batch(self, *args, **kwargs):
        """Does one step, as `keras.Model.train_on_batch` does.

        Example:
            >>> logs = model.train_on_batch(images, return_dict=True)
        """
        return self._enter("train_on_batch", args, kwargs)

    def test_on_batch(self, *args, **kwargs):
        """Measures one batch, as `keras.Model.test_on_batch` does.

        Example:
            >>> logs = model.test_on_batch(images, return_dict=True)
        """
        return self._enter("test_on_batch", args, kwargs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None, seed=None):
        """Reconstructs many images in batches, as `keras.Model.predict` does.

        Args:
            x: What `fit` takes.
            batch_size: Images a batch, 32 if None; it does not change the result.
            verbose: As in `keras.Model.predict`.
            steps: As in `keras.Model.predict`.
            callbacks: As in `keras.Model.predict`.
            seed: None for posterior means (a model that must draw: for seed 0); else an int or
                int32 `[2]`, and row i has the noise of row (a, b + i).

        Returns:
            A NumPy array `[N, H, W, C]` in pixel units; of a classifier class probabilities.

        Example:
            >>> model.predict(images, verbose=0)  # by posterior means, [N, 28, 28, 1]
            >>> model.predict(images, verbose=0, seed=1)  # with latents drawn
        """
        x = x[0] if isinstance(x, tuple) else x  # A pair, as validation data is.
        given = {"x": x, "batch_size": batch_size, "steps": steps}
        given = self._read_call("predict", (), given)
        if _num_rows(x) == 0:  # Keras warns, then fails.
            return np.zeros((0, *self._predicted_shape), np.float32)
        self._begin_prediction(seed)
        with inputs.plain_errors():
            return super().predict(**given, verbose=verbose, callbacks=callbacks)

    def predict_on_batch(self, x, seed=None):
        """Reconstructs one batch, as `predict` does.

        Example:
            >>> model.predict_on_batch(images)  # [N, 28, 28, 1]
        """
        self._read_call("predict_on_batch", (), {"x": x})
        self._begin_prediction(seed)
        with inputs.plain_errors():
            return super().predict_on_batch(x)

    # === Prediction ===

    def _begin_prediction(self, seed):
        """Sets the noise of the first row; of the others the step keeps count."""
        seed = self._seed_or_default(seed)
        if not hasattr(self, "_predicted_seed"):
            with self.distribute_strategy.scope():
                variable = keras.Variable(
                    np.zeros(2), dtype="int32", trainable=False, aggregation="only_first_replica"
                )
            self._set_past_tracker(_predicted_seed=variable, _is_prediction_drawn=None)
        if self._is_prediction_drawn != (seed is not None):
            self.predict_function = None  # Another graph: with noise, or without.
        self._set_past_tracker(_is_prediction_drawn=seed is not None)
        if seed is not None:
            self._predicted_seed.assign(random.as_seed(seed))

    def _seed_or_default(self, seed):
        return seed

    def predict_step(self, data):
        """Predicts a batch; the next one gets the noise of the rows that follow."""
        images, context, _ = inputs.unpack(data)
        images = inputs.check_images(images, self.image_shape)
        given = self._predicted_with(data)
        if not getattr(self, "_is_prediction_drawn", False):
            return self._predict(images, context, None, **given)
        first = tf.convert_to_tensor(self._predicted_seed)
        before, total = _rows_of_replicas(tf.shape(images)[0])
        self._predicted_seed.assign(first + tf.stack([0, total]))
        return self._predict(images, context, first + tf.stack([0, before]), **given)

    def _predicted_with(self, data):
        """Returns what `_predict` gets beside images, context and seed, by name."""
        return self._masked_with(data)

    def _masked_with(self, data):
        """Returns a batch's mask by its name, if it has one.

        Raises:
            BatchError: The model needs whole images.
        """
        mask = inputs.mask_of(data)
        if mask is not None and not self.takes_mask:
            raise BatchError(
                f"A {type(self).__name__} needs whole images: leave `mask` out of the batches. A "
                "zoo.ShortRunModel takes one."
            )
        return {} if mask is None else {"mask": mask}

    def _predict(self, images, context, seed):
        raise NotImplementedError

    @property
    def _predicted_shape(self):
        return self.image_shape

    # === Checks ===

    def _enter(self, method, args, kwargs):
        """Calls a method of Keras's after the checks; errors of a graph are one line."""
        given = self._read_call(method, args, kwargs)
        with inputs.plain_errors():
            return getattr(super(), method)(**given)

    def _read_call(self, method, args, kwargs):
        """Returns the arguments of a method of Keras's by name, after what can be seen of them.

        Raises:
            ValueError: One cannot be used.
            TypeError: There is none of this name.
        """
        signature = inspect.signature(getattr(keras.Model, method))
        given = dict(signature.bind(self, *args, **kwargs).arguments)
        given.pop("self")
        given |= given.pop("kwargs", {})
        if given.get("sample_weight") is not None or given.get("class_weight") is not None:
            raise BatchError(
                "sample_weight and class_weight are not supported: a weighted mean has no meaning "
                "for GECO's constraints. Repeat or drop examples in the data instead."
            )
        for name in _COUNTS:
            if given.get(name) is not None:
                checks.integer(name, _as_int(given[name]))
        if "epochs" in given:
            checks.integer("epochs", _as_int(given["epochs"]), least=0)
        given["x"] = self._check_data(given.get("x"), method.startswith("predict"))
        validation = given.get("validation_data")
        if validation is not None:
            is_pair = isinstance(validation, tuple | list)
            self._check_data(validation[0] if is_pair and validation else validation)
            if inspect.isgenerator(validation):
                given["validation_data"] = _in_tuples(validation)
        return given

    def _check_data(self, data, is_prediction=False):
        """Looks at what is known of data before it is read; returns what Keras takes."""
        if data is None:
            raise BatchError(
                f"There are no images: pass an array {inputs.wanted_shape(self.image_shape)}, a "
                "tf.data.Dataset of batches, or what else Keras's fit takes. Received: x=None"
            )
        if inspect.isgenerator(data):
            return _in_tuples(data)
        known = data.element_spec if isinstance(data, tf.data.Dataset) else data
        images, context, _ = inputs.unpack(known)
        if isinstance(known, dict) and "tolerance" in known and not is_prediction:
            raise BatchError(
                "fit draws each row's tolerance itself, and evaluate measures five or takes one as "
                "tolerance=: leave `tolerance` out of the batches."
            )
        self._masked_with(known)
        inputs.check_known(images, self.image_shape)
        if context is not None and self.context_shape is not None:
            inputs.check_known(context, self.context_shape, "context")
        if _num_rows(data) == 0 and not is_prediction:
            raise BatchError(
                "There are no images: the data has no rows. Is a filter or a path wrong?"
            )
        return data


def _num_rows(data):
    """Rows of an array, or batches of a data set, as far as they are known."""
    if isinstance(data, tf.data.Dataset):
        return int(data.cardinality())
    data = data.get("image") if isinstance(data, dict) else data
    return next(iter(getattr(data, "shape", ())), None)


def _as_int(value):
    return int(value) if isinstance(value, np.integer) else value


def _in_tuples(batches):
    """Gives batches as Keras wants them of a generator: images alone in a tuple."""
    return (batch if isinstance(batch, tuple) else (batch,) for batch in batches)


def _rows_of_replicas(num_rows):
    """Returns how many rows the replicas before this one have, and all together, int32."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return 0, num_rows
    own = context.replica_id_in_sync_group
    rows = num_rows * tf.one_hot(own, replicas, dtype=tf.int32)
    rows = context.all_reduce(tf.distribute.ReduceOp.SUM, rows)
    return tf.reduce_sum(rows[:own]), tf.reduce_sum(rows)

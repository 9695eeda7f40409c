"""The base class of every architecture: one training step, one set of methods."""

import contextlib
import inspect

import keras
import tensorflow as tf

from zoo import distributions, random
from zoo.models import inputs
from zoo.models.record import Record
from zoo.objectives import ELBO, Objective
from zoo.objectives.objective import mean_over_replicas

__all__ = ["LatentImageModel"]

_TRAIN, _TEST = 0, 1  # Tags that keep the noise of training and of evaluation apart.


class LatentImageModel(keras.Model):
    """A latent-variable model of images `[B, H, W, C]` in [0, 1] (or uint8).

    An architecture is a subclass that stores each constructor argument as an attribute of the same
    name, builds its layers at the end of `__init__`, and defines

    - `draw_posterior(images, context, noise)` -> `Posterior`: draws z and says what it cost;
    - `decode(latents, context=None)` -> the likelihood, a TFP distribution over images;
    - `draw_prior(noise, temperature, context=None)` -> latents;
    - `log_prior(latents, context=None)` and `log_posterior(latents, images, context=None)`.

    It knows networks and distributions; it averages and weights nothing. What to minimise is the
    objective's matter: `model.compile(optimizer, objective=zoo.GECO(...))`.

    Args:
        image_shape: (height, width, channels).
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        context_shape: Shape of the context images of a conditional model, else None.
    """

    def __init__(self, image_shape, likelihood="gaussian", context_shape=None, **kwargs):
        # Float images stay float32 under a mixed precision policy: each layer casts for itself.
        super().__init__(autocast=False, **kwargs)
        _check_policy(self.dtype_policy)
        if context_shape is not None and "context_shape" not in _argument_names(type(self)):
            raise ValueError(
                f"{type(self).__name__} is not conditional: it takes no context_shape."
            )
        self.image_shape = _as_image_shape(image_shape, "image_shape")
        self.context_shape = context_shape and _as_image_shape(context_shape, "context_shape")
        self.likelihood = distributions.get_likelihood(likelihood)

    # === What an architecture defines ===

    def draw_posterior(self, images, context, noise):
        """Draws z ~ q(z|x) for images `[B, H, W, C]` with the noise; gives a `Posterior`."""
        raise NotImplementedError

    def draw_prior(self, noise, temperature, context=None):
        """Draws a tuple of latents z ~ p(z); `temperature` `[B]` scales standard deviations."""
        raise NotImplementedError

    def decode(self, latents, context=None):
        """Gives p(x|z), a TFP distribution over images, for a tuple of latents."""
        raise NotImplementedError

    def log_prior(self, latents, context=None):
        """Gives log p(z) in nats, `[B]`."""
        raise NotImplementedError

    def log_posterior(self, latents, images, context=None):
        """Gives log q(z|x) in nats, `[B]`."""
        raise NotImplementedError

    # === Inference ===

    def infer(self, images, context=None, labels=None, seed=None):
        """Draws z ~ q(z|x) for each image and records what every objective may ask for.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            labels: Passed on to the record.
            seed: An int or int32 `[2]`; row i has the noise of row (a, b + i). None: posterior
                means. Also takes noise of `zoo.random`.

        Returns:
            A `Record` of per-example terms in nats.
        """
        images, context = self._as_images(images), self._as_context(context)
        posterior = self.draw_posterior(images, context, _as_noise(seed, images))
        return Record(**vars(posterior), images=images, labels=labels)

    def encode(self, images, context=None, seed=None):
        """Gives the latents of images, a tuple of float32 tensors; posterior means without seed."""
        return self.infer(images, context, seed=seed).latents

    def reconstruct(self, images, context=None, seed=None):
        """Gives the likelihood's means at the images' latents, `[B, H, W, C]` in pixel units."""
        return self.infer(images, context, seed=seed).reconstruction

    def call(self, images, context=None, training=None):
        """Reconstructs images from posterior means, as `reconstruct` without a seed."""
        del training
        images, given, _ = inputs.unpack(images)
        return self.reconstruct(images, given if context is None else context)

    def sample_prior(self, num, seed=None, temperature=1.0, context=None):
        """Draws latents z ~ p(z), a tuple of float32 tensors of `num` rows.

        Args:
            num: Number of rows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: Context images of a conditional model, `[num, ...]`.
        """
        return self._sample_prior_rows(random.row_seeds(seed, num), temperature, context)

    def sample(self, num, seed=None, temperature=1.0, context=None):
        """Draws images: the likelihood's means at z ~ p(z), `[num, H, W, C]` in pixel units.

        Arguments as in `sample_prior`.
        """
        return self.sample_rows(random.row_seeds(seed, num), temperature, context)

    def sample_rows(self, seeds, temperature=1.0, context=None):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does."""
        context = self._as_context(context)
        latents = self._sample_prior_rows(seeds, temperature, context)
        return self.decode(latents, context).mean()

    def _sample_prior_rows(self, seeds, temperature, context):
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), tf.shape(seeds)[:1])
        return self.draw_prior(random.RowNoise(seeds), temperature, self._as_context(context))

    def log_prob(self, images, num_samples=16, seed=0, context=None):
        """Gives a lower bound on log p(x) of 256-level images, in nats `[B]`.

        The importance-weighted bound log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) (Burda et al. 2016),
        with the probability of the image on its 256 levels, so that all architectures compare.
        Divide by -H·W·C·log 2 for bits a dimension.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] (the nearest level counts) or uint8.
            num_samples: K, at least 1; the bound tightens as it grows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            context: Context images of a conditional model.
        """
        images = self._as_images(images)
        seeds = random.row_seeds(seed, tf.shape(images)[0])
        return self.log_prob_rows(images, seeds, num_samples, context)

    def log_prob_rows(self, images, seeds, num_samples, context=None):
        """Gives `log_prob` with one seed a row, int32 `[B, 2]`, as a served model does."""
        if not num_samples >= 1:
            raise ValueError(f"num_samples must be at least 1. Received: {num_samples!r}")
        images, context = self._as_images(images), self._as_context(context)
        noise = random.RowNoise(seeds)
        zeros = tf.zeros(tf.shape(images)[:1])

        def add_sample(index, log_total):
            posterior = self.draw_posterior(images, context, noise.fold(index))
            log_likelihood = self.likelihood.log_prob_of_levels(posterior.likelihood, images)
            log_weight = log_likelihood + posterior.log_prior - posterior.log_posterior
            return index + 1, tf.reduce_logsumexp([log_total, log_weight], axis=0)

        _, log_total = tf.while_loop(
            lambda index, _: index < num_samples,
            add_sample,
            (tf.constant(0), zeros - float("inf")),
            parallel_iterations=1,
        )
        return log_total - tf.math.log(tf.cast(num_samples, tf.float32))

    def _as_images(self, images):
        with inputs.plain_errors():
            return inputs.as_images(images, self.image_shape)

    def _as_context(self, context):
        if self.context_shape is None:
            if context is not None:
                raise ValueError(
                    f"{type(self).__name__} was made without context_shape, so it takes no context."
                )
            return None
        if context is None:
            raise ValueError(
                "This model is conditional: pass context=, of shape "
                f"[batch, {', '.join(map(str, self.context_shape))}]."
            )
        with inputs.plain_errors():
            return inputs.as_images(context, self.context_shape, "context")

    # === Training ===

    def compile(self, optimizer="adam", objective=None, seed=0, **kwargs):
        """Prepares the model for `fit`; may be called any number of times.

        Args:
            optimizer: A Keras optimiser or its name.
            objective: A `zoo.objectives.Objective`; None means `zoo.ELBO()`.
            seed: An int or two ints; with the optimiser's step count it fixes all of `fit`'s noise.
            **kwargs: As of `keras.Model.compile`: `run_eagerly`, `jit_compile`,
                `steps_per_execution`, `auto_scale_loss`.

        Raises:
            ValueError: The objective is undefined for this model or optimiser; the message names
                which.
        """
        objective = ELBO() if objective is None else objective
        if not isinstance(objective, Objective):
            raise ValueError(
                "objective must be a zoo.objectives.Objective, such as zoo.ELBO() or "
                f"zoo.GECO(...). Received: objective={objective!r}"
            )
        refused = set(kwargs) & {"loss", "loss_weights", "metrics", "weighted_metrics"}
        if refused:
            raise ValueError(
                f"A zoo model's loss is its objective: pass objective=, not {sorted(refused)}."
            )
        super().compile(optimizer=optimizer, **kwargs)
        objective.check(self, self.optimizer)
        with self.distribute_strategy.scope():
            objective.attach(self)
            state = {
                # Past Keras's tracker, which is locked once a model is built; saving walks the
                # attributes, so the objective is saved and restored all the same.
                "_objective": objective,
                "_trackers": _make_trackers(),
                "_test_step_count": keras.Variable(
                    0, dtype="int32", trainable=False, aggregation="only_first_replica"
                ),
                "_noise_seed": random.as_seed(seed),
            }
            # So that saved weights, the optimiser's too, can be loaded before the first step.
            self.optimizer.build(self.trainable_variables)
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def objective(self):
        """The objective that the model was compiled with, or None."""
        return getattr(self, "_objective", None)

    @property
    def metrics(self):
        """The logged Keras metrics: the loss, the model's own and the objective's."""
        if self.objective is None:
            return super().metrics
        return [self._loss_tracker, *self._trackers.values(), *self.objective.trackers]

    def reset_metrics(self):
        """Resets the metrics and the noise of evaluation, so that `evaluate` repeats itself."""
        super().reset_metrics()
        if self.objective is not None:
            self._test_step_count.assign(0)

    def train_step(self, data):
        """Does one step of the objective on a batch; gives the logs."""
        step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int32)
        with tf.GradientTape() as tape:
            record, terms = self._measure(data, _TRAIN, step)
            check = inputs.assert_finite(terms, step)
            with tf.control_dependencies([check]):
                loss = self.objective.loss(terms, training=True)
            # Keras's optimisers sum gradients over replicas.
            scaled_loss = loss / self.distribute_strategy.num_replicas_in_sync
            scaled_loss = self.optimizer.scale_loss(scaled_loss)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled_loss, weights)
        # In a graph gradients do not wait for the loss: without this a failed step would move.
        with tf.control_dependencies([check]):
            self.optimizer.apply(gradients, weights)
            squared_error = tf.reduce_mean(record.squared_error)
            self.likelihood.observe(mean_over_replicas(squared_error))
            return self._track(record, terms, loss)

    def test_step(self, data):
        """Measures a batch with z drawn, as `train_step` would, and changes nothing."""
        step = tf.convert_to_tensor(self._test_step_count)
        record, terms = self._measure(data, _TEST, step)
        self._test_step_count.assign(step + 1)
        return self._track(record, terms, self.objective.loss(terms, training=False))

    def _measure(self, data, purpose, step):
        images, context, labels = inputs.unpack(data)
        seed = random.derive(random.derive(self._noise_seed, purpose), step)
        num_rows = images.shape[0] or tf.shape(images)[0]
        noise = random.StepNoise(seed, num_rows)
        record = self.infer(images, context, labels, seed=noise)
        return record, self.objective.terms(self, record)

    def _track(self, record, terms, loss):
        num_rows = tf.shape(record.rate)[0]
        self._loss_tracker.update_state(loss, sample_weight=num_rows)
        self._trackers["rate"].update_state(record.rate)
        self._trackers["distortion"].update_state(record.distortion)
        self._trackers["rmse"].update_state(record.images, record.reconstruction)
        self.objective.track(terms)
        logs = self.get_metrics_result()
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras averages logs along their first axis, which a scalar does not have.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Under a strategy Keras averages a batch over the replicas to build the model with, which
        # fails for a dict under several workers. Ours is built; its optimiser may not be.
        if self._distribute_strategy is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on a batch as `zoo.models.inputs.unpack` reads it.

        Raises:
            ValueError: Bad images, a term that is not finite (no weight was changed by that step),
                or `sample_weight`, which GECO's constraints cannot honour.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            raise ValueError(
                "sample_weight and class_weight are not supported: a weighted mean has no meaning "
                "for GECO's constraints. Repeat or drop examples in the data instead."
            )
        if self.objective is not None and not isinstance(
            kwargs.get("callbacks"), keras.callbacks.CallbackList
        ):
            callbacks = list(keras.tree.flatten(kwargs.get("callbacks") or []))
            kwargs["callbacks"] = [*callbacks, *self.objective.callbacks()]
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # Keras warns of its own default otherwise.
        with inputs.plain_errors():
            return super().fit(x, *args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Evaluates as `keras.Model.evaluate` does, with z drawn; the same call gives the same."""
        with inputs.plain_errors():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        """Reconstructs many images in batches, as `keras.Model.predict` does."""
        with inputs.plain_errors():
            return super().predict(*args, **kwargs)

    # === Saving ===

    def export(self, filepath, format="tf_saved_model", log_prob_samples=16, metadata=None):
        """Writes a SavedModel for TensorFlow Serving and `zoo.load`, exactly at `filepath`.

        See `zoo.serving.export` for what it holds and `zoo.serving.signatures` for what it answers.

        Args:
            filepath: A local folder that does not exist yet; a server wants a number, `model/1`.
            format: `"tf_saved_model"`, the only one of Keras's formats that can hold them.
            log_prob_samples: Number of importance samples of the `log_prob` signature.
            metadata: A dict that JSON can hold, kept beside the model.

        Raises:
            FileExistsError: There is something at `filepath`.
            ValueError: Another format.
            RuntimeError: The written model does not answer as this one does. After any error
                nothing is left behind.
        """
        from zoo import serving

        if format != "tf_saved_model":
            raise ValueError(
                "A zoo model exports as 'tf_saved_model', the format that holds all its "
                f"signatures. Received: format={format!r}"
            )
        serving.export(self, filepath, log_prob_samples, metadata)

    def load_weights(self, filepath, **kwargs):
        """Loads what `save_weights` wrote: weights, optimiser and the objective's state.

        Raises:
            ValueError: They do not fit, or were saved under an objective without this one's state.
        """
        try:
            super().load_weights(filepath, **kwargs)
        except ValueError as error:
            if self.objective is None or f"'{self.objective.name}'" not in str(error):
                raise
            raise ValueError(
                f"{filepath} has no state of a {type(self.objective).__name__} like this model's: "
                "it was saved under another objective. Compile with the objective it was saved "
                "under, load, and compile again; or pass skip_mismatch=True to leave this "
                "objective's state as it is."
            ) from error

    def get_config(self):
        """Gives the constructor's arguments, read from the attributes of the same names."""
        config = {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
        for name in _argument_names(type(self)):
            config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a model from `get_config`."""
        with keras.saving.custom_object_scope(custom_objects or {}):
            arguments = {n: keras.saving.deserialize_keras_object(v) for n, v in config.items()}
        with _global_policy(arguments.get("dtype")):
            return cls(**arguments)

    def get_compile_config(self):
        """Gives the arguments of `compile`, the objective's too."""
        if self.objective is None:
            return None
        config = super().get_compile_config() or {}
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            config.pop(name, None)
        config["objective"] = keras.saving.serialize_keras_object(self.objective)
        config["optimizer"] = keras.saving.serialize_keras_object(self.optimizer)
        config["seed"] = [int(word) for word in self._noise_seed]
        return config

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        deserialized = dict(config)
        for name in ("optimizer", "objective"):
            deserialized[name] = keras.saving.deserialize_keras_object(config[name])
        self.compile(**deserialized)


def _make_trackers():
    return {
        "rate": keras.metrics.Mean("rate"),
        "distortion": keras.metrics.Mean("distortion"),
        "rmse": keras.metrics.RootMeanSquaredError("rmse"),
    }


def _check_policy(policy):
    if policy.name != keras.config.dtype_policy().name:
        raise ValueError(
            "Keras hands a model's dtype to none of its layers, so set it for all before making "
            f"the model: keras.config.set_dtype_policy({policy.name!r}). Received: "
            f"dtype={policy.name!r} under the global policy {keras.config.dtype_policy().name!r}"
        )


@contextlib.contextmanager
def _global_policy(policy):
    """Makes the layers of a saved model with the precision that they had."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _argument_names(model_class):
    parameters = inspect.signature(model_class.__init__).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def _as_noise(seed, images):
    num_rows = tf.shape(images)[0]
    if seed is None:
        return random.MeanNoise(num_rows)
    if hasattr(seed, "normal"):
        return seed
    return random.RowNoise(random.row_seeds(seed, num_rows))


def _as_image_shape(shape, name):
    shape = tuple(shape)
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(
            f"{name} must be (height, width, channels), each a positive int. "
            f"Received: {name}={shape!r}"
        )
    return shape

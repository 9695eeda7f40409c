"""The base class of every architecture: inference, one set of methods for all."""

import inspect

import keras
import tensorflow as tf

from zoo import distributions, random
from zoo.base import inputs, precision
from zoo.models.objective_trainer import ObjectiveTrainer
from zoo.models.record import Record

__all__ = ["LatentImageModel"]


class LatentImageModel(ObjectiveTrainer):
    """A latent-variable model of images `[B, H, W, C]` in [0, 1] (or uint8).

    An architecture is a subclass that stores each constructor argument as an attribute of the same
    name, builds its layers at the end of `__init__`, and defines

    - `draw_posterior(images, context, noise)` -> `Inference`: draws z and says what it cost;
    - `decode(latents, context=None)` -> the likelihood, a TFP distribution over images;
    - `generate(noise, temperature, context=None)` -> latents z ~ p(z) and the likelihood there;
    - `log_prior(latents, context=None)` and `log_posterior(latents, images, context=None)`;
    - `images_of(likelihood, noise)`, if the likelihood has no mean in closed form.

    It knows networks and distributions; it averages and weights nothing. What to minimise is the
    objective's matter: `model.compile(optimizer, objective=zoo.GECO(...))`.

    Args:
        image_shape: (height, width, channels).
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        context_shape: Shape of the context images of a conditional model, else None.

    Attributes:
        has_chain: Whether images are drawn in steps: `sample` and `reconstruct` then take
            `return_chain=`.
        needs_distortion: Whether parts learn from the distortion alone, so that an objective
            without it (GECO) would never train them.
    """

    has_chain = False
    needs_distortion = False

    def __init__(self, image_shape, likelihood="gaussian", context_shape=None, **kwargs):
        # Float images stay float32 under a mixed precision policy: each layer casts for itself.
        super().__init__(autocast=False, **kwargs)
        precision.check_policy(self.dtype_policy)
        if context_shape is not None and "context_shape" not in _argument_names(type(self)):
            raise ValueError(
                f"{type(self).__name__} is not conditional: it takes no context_shape."
            )
        self.image_shape = _as_image_shape(image_shape, "image_shape")
        self.context_shape = context_shape and _as_image_shape(context_shape, "context_shape")
        self.likelihood = distributions.get_likelihood(likelihood)

    @property
    def has_mean(self):
        """Whether p(x|z) has a mean in closed form; a model without one draws pixels instead."""
        return self.likelihood.has_mean

    # === What an architecture defines ===

    def draw_posterior(self, images, context, noise):
        """Draws z ~ q(z|x) for images `[B, H, W, C]` with the noise; returns an `Inference`."""
        raise NotImplementedError

    def generate(self, noise, temperature, context=None):
        """Draws z ~ p(z), `temperature` `[B]` scaling standard deviations; gives (z, p(x|z))."""
        raise NotImplementedError

    def decode(self, latents, context=None):
        """Returns p(x|z), a TFP distribution over images, for a tuple of latents."""
        raise NotImplementedError

    def log_prior(self, latents, context=None):
        """Returns log p(z) in nats, `[B]`."""
        raise NotImplementedError

    def log_posterior(self, latents, images, context=None):
        """Returns log q(z|x) in nats, `[B]`."""
        raise NotImplementedError

    def images_of(self, likelihood, noise):
        """Returns the images that stand for p(x|z), `[B, H, W, C]` in pixel units: its means.

        A model whose likelihood has none draws them with the noise, in streams that its latents do
        not use.
        """
        del noise
        return likelihood.mean()

    def corrupt(self, images, noise):
        """Returns what the posterior sees of images in training: of a denoising model not they.

        The noise is to be drawn in streams that the latents do not use.
        """
        del noise
        return images

    # === Inference ===

    def infer(self, images, context=None, labels=None, seed=None, training=False):
        """Draws z ~ q(z|x) for each image and records what every objective may ask for.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            labels: Passed on to the record.
            seed: An int or int32 `[2]`; row i has the noise of row (a, b + i). None: posterior
                means. Also takes noise of `zoo.random`.
            training: Whether a denoising model's posterior sees corrupted images, as in `fit`.

        Returns:
            A `Record` of per-example terms in nats.
        """
        images, context = self._as_images(images), self._as_context(context)
        noise = _as_noise(seed, images)
        seen = self.corrupt(images, noise) if training else images
        posterior = self.draw_posterior(seen, context, noise)
        return Record(**vars(posterior), images=images, labels=labels, context=context)

    def encode(self, images, context=None, seed=None):
        """Returns latents of images, a tuple of float32 tensors; posterior means if no seed."""
        return self.infer(images, context, seed=seed).latents

    def reconstruct(self, images, context=None, seed=None):
        """Returns the likelihood's means at the images' latents, `[B, H, W, C]` in pixel units.

        Without a seed the latents are posterior means. A model whose likelihood has no mean draws
        latents and pixels, without a seed with seed 0.
        """
        images = self._as_images(images)
        noise = _as_noise(self._seed_or_default(seed), images)
        return self.images_of(self.infer(images, context, seed=noise).likelihood, noise)

    def _seed_or_default(self, seed):
        return 0 if seed is None and not self.has_mean else seed

    def call(self, images, context=None, seed=None, training=None):
        """Reconstructs images, as `reconstruct` does; also takes a batch as a dict."""
        del training
        images, given, _ = inputs.unpack(images)
        return self.reconstruct(images, given if context is None else context, seed)

    def predict(self, x, batch_size=None, seed=None, **kwargs):
        """Reconstructs many images in batches, as `keras.Model.predict` does.

        Args:
            x: What `fit` takes; with a seed, an array of images or a dict of arrays.
            batch_size: Images a batch, 32 if None.
            seed: None for posterior means (a model whose likelihood has no mean: for seed 0);
                else row i has the noise of row (a, b + i).
            **kwargs: As in `keras.Model.predict`; without a seed only.

        Returns:
            Means of the likelihood, a NumPy array `[N, H, W, C]` in pixel units.
        """
        seed = self._seed_or_default(seed)
        if seed is None:
            with inputs.plain_errors():
                return super().predict(x, batch_size=batch_size, **kwargs)
        images, context, _ = inputs.unpack(x)
        given = {} if context is None else {"context": context}
        return self.reconstruct_in_batches(images, batch_size or 32, seed, **given)

    def sample_prior(self, num, seed=None, temperature=1.0, context=None):
        """Draws latents z ~ p(z), a tuple of float32 tensors of `num` rows.

        Args:
            num: Number of rows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: Context images of a conditional model, `[num, ...]`.
        """
        noise = random.RowNoise(random.row_seeds(seed, num))
        latents, _ = self._generate(noise, temperature, context)
        return latents

    def sample(self, num, seed=None, temperature=1.0, context=None):
        """Draws images: the likelihood's means at z ~ p(z), `[num, H, W, C]` in pixel units.

        A model whose likelihood has no mean draws the pixels, too.

        Arguments as in `sample_prior`.
        """
        return self.sample_rows(random.row_seeds(seed, num), temperature, context)

    def sample_rows(self, seeds, temperature=1.0, context=None):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does."""
        noise = random.RowNoise(seeds)
        _, likelihood = self._generate(noise, temperature, context)
        return self.images_of(likelihood, noise)

    def _generate(self, noise, temperature, context):
        num_rows = tf.shape(noise.seeds)[:1]
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), num_rows)
        return self.generate(noise, temperature, self._as_context(context))

    def log_prob(self, images, num_samples=16, seed=0, context=None):
        """Returns a lower bound on log p(x) of 256-level images, in nats `[B]`.

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
        """Returns `log_prob` with one seed a row, int32 `[B, 2]`, as a served model does."""
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
                "This model is conditional: pass context=, or in `fit` and `evaluate` batches with "
                f"`context`, of shape [batch, {', '.join(map(str, self.context_shape))}]."
            )
        with inputs.plain_errors():
            return inputs.as_images(context, self.context_shape, "context")

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

    def get_config(self):
        """Returns the constructor's arguments, read from the attributes of the same names."""
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
        with precision.global_policy(arguments.get("dtype")):
            return cls(**arguments)


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

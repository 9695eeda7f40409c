"""The networks of models that draw an image in steps: `zoo.SequentialVAE`, `zoo.InfusionModel`.

None of them normalises its activations. [choice] The authors of the sequential VAE take the batch's
statistics, also when they sample, so that an image depends on those drawn beside it; moving
averages are poor ones of a chain whose inputs change as it learns; layer and group normalisation
cost as much as the convolutions on a CPU; and He's initial weights keep so shallow nets in range.
"""

import keras
import numpy as np
import tensorflow as tf

from zoo.models.conv_networks import LAYOUT

__all__ = ["ImagePyramid", "LadderEncoder", "StepGenerator"]

_KERNEL_SIZE = 4  # Twice the stride: transposed convolutions then treat all pixels alike.
_MAPS_SHARE = 4  # Latents enter a scale of f filters as f / 4 maps.


class ImagePyramid(keras.layers.Layer):
    """Stride-2 convolutions over an image, one a scale.

    Args:
        filters: Filters of each convolution.
        num_steps: Steps of a chain that share it: each has a bias of its own in the first
            convolution, to tell them apart.
    """

    def __init__(self, filters, num_steps=1, **kwargs):
        super().__init__(**kwargs)
        self._num_steps = num_steps
        self.convolutions = [_conv(keras.layers.Conv2D, f) for f in filters]

    def build(self, image_shape):
        """Makes the weights for images `[B, H, W, C]`."""
        self.step_biases = None
        if self._num_steps > 1:
            shape = (self._num_steps, self.convolutions[0].filters)
            self.step_biases = self.add_weight(
                name="step_biases", shape=shape, initializer="he_normal"
            )
        for convolution in self.convolutions:
            convolution.build(image_shape)
            image_shape = convolution.compute_output_shape(image_shape)
        self.built = True

    def call(self, images, step=0):
        """Returns features of each scale, finest first, `[B, H / 2^i, W / 2^i, filters[i-1]]`."""
        first = self.convolutions[0](images)
        if self.step_biases is not None:
            first += self._biases(first)[step]
        return self._scales(first)

    def of_all_steps(self, images):
        """As `call`, of T steps that share it at the same images, `[B * T, ...]`: one pass."""
        first = self.convolutions[0](images)[:, tf.newaxis]
        if self.step_biases is not None:
            first += self._biases(first)[:, tf.newaxis, tf.newaxis]
        return self._scales(tf.reshape(first, [-1, *first.shape[2:]]))

    def _biases(self, like):
        return tf.cast(self.step_biases, like.dtype)

    def _scales(self, first):
        scales = [_leaky_relu(first)]
        for convolution in self.convolutions[1:]:
            scales.append(_leaky_relu(convolution(scales[-1])))
        return scales


class LadderEncoder(keras.layers.Layer):
    """Reads a ladder of latents off an image: a slice from each scale of its features.

    Args:
        image_shape: (height, width, channels).
        latent_dims: Latents of each scale, finest first.
        filters: As in `ImagePyramid`.
        hidden_units: Units of the dense layer above the coarsest scale.
        num_steps: As in `ImagePyramid`.
    """

    def __init__(self, image_shape, latent_dims, filters, hidden_units, num_steps=1, **kwargs):
        super().__init__(**kwargs)
        self.pyramid = ImagePyramid(filters, num_steps, name="pyramid")
        self.hidden = _dense(hidden_units, name="hidden")
        self.heads = [
            keras.layers.Dense(2 * dim, dtype="float32", name=f"head_{scale}")
            for scale, dim in enumerate(latent_dims)
        ]
        self.pyramid.build((None, *image_shape))
        *sizes, top = (int(np.prod(shape)) for shape in _scale_shapes(image_shape, filters))
        self.hidden.build((None, top))
        for head, size in zip(self.heads, [*sizes, hidden_units], strict=True):
            head.build((None, size))
        self.built = True

    def call(self, images, step=0):
        """Returns means, then log-scales of all latents, float32 `[B, 2 * sum(latent_dims)]`."""
        return self._read(self.pyramid(images, step=step))

    def of_all_steps(self, images):
        """As `call`, of T steps that share it at the same images, `[B, T, ...]`: one pass."""
        parameters = self._read(self.pyramid.of_all_steps(images))
        return tf.reshape(parameters, [tf.shape(images)[0], -1, parameters.shape[-1]])

    def _read(self, scales):
        features = [_flatten(scale) for scale in scales]
        features[-1] = _leaky_relu(self.hidden(features[-1]))
        halves = [
            tf.split(head(f), 2, axis=-1) for head, f in zip(self.heads, features, strict=True)
        ]
        means, log_scales = zip(*halves, strict=True)
        return tf.concat([*means, *log_scales], axis=-1)


class StepGenerator(keras.layers.Layer):
    """Proposes an image, and where to take it: a step of a chain.

    Latents enter at their scales: the coarsest through dense layers, the others as maps beside the
    features. The previous image passes a pyramid of its own; its features are added to those of
    equal size on the way up (a U-net), and its coarsest also enter the dense layers.

    Args:
        image_shape: (height, width, channels) of the previous image and of the grid.
        num_outputs: Numbers proposed for each pixel.
        filters: As in `ImagePyramid`; the way up mirrors them.
        hidden_units: Units of the dense layers at the coarsest scale.
        latent_dims: Latents of each scale, finest first; None for a step without latents.
        sees_image: Whether there is a previous image.
        num_steps: As in `ImagePyramid`.
    """

    def __init__(
        self,
        image_shape,
        num_outputs,
        filters,
        hidden_units,
        latent_dims=None,
        sees_image=True,
        num_steps=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._latent_dims = latent_dims
        self._shapes = list(_scale_shapes(image_shape, filters))
        *finer, top = self._shapes
        hidden_size = 0
        if sees_image:
            self.pyramid = ImagePyramid(filters, num_steps, name="pyramid")
            self.pyramid.build((None, *image_shape))
            self.image_hidden = _dense(hidden_units, name="image_hidden")
            self.image_hidden.build((None, int(np.prod(top))))
            hidden_size += hidden_units
        maps = [0] * len(finer)
        if latent_dims is not None:
            maps = [max(1, f // _MAPS_SHARE) for f in filters[:-1]]
            self._map_shapes = [(*s[:2], m) for s, m in zip(finer, maps, strict=True)]
            self.latent_hidden = _dense(hidden_units, name="latent_hidden")
            self.latent_hidden.build((None, latent_dims[-1]))
            hidden_size += hidden_units
            self.latent_maps = [_dense(int(np.prod(s))) for s in self._map_shapes]
            for layer, dim in zip(self.latent_maps, latent_dims, strict=False):
                layer.build((None, dim))
        self.top = _dense(int(np.prod(top)), name="top")
        self.top.build((None, hidden_size))
        self.upward = [_conv(keras.layers.Conv2DTranspose, f) for f in filters[:-1]]
        outputs = keras.layers.Conv2DTranspose(
            num_outputs + 1,
            _KERNEL_SIZE,
            2,
            "same",
            data_format=LAYOUT,
            dtype="float32",
            name="outputs",
        )
        self.upward.insert(0, outputs)
        for layer, shape, extra in zip(self.upward, self._shapes, [*maps, 0], strict=True):
            layer.build((None, *shape[:2], shape[2] + extra))
        self.built = True

    def of_latents(self, latents):
        """Returns what the layers that see nothing but latents make of them, for `call`.

        Args:
            latents: `[N, sum(latent_dims)]`: of one step, or of several that share the layers.

        Returns:
            A list of `[N, ...]`.
        """
        *finer, coarsest = tf.split(latents, self._latent_dims, axis=-1)
        return [_leaky_relu(self.latent_hidden(coarsest)), *self._as_maps(finer)]

    def call(self, of_latents=None, image=None, step=0):
        """Proposes an image.

        Args:
            of_latents: What the method of that name gave, or None for a step without latents.
            image: The previous image, `[B, H, W, C]`, or None for a step without.
            step: Number of the step, from 0.

        Returns:
            The proposal `[B, H, W, num_outputs]` and the gate `[B, H, W, 1]` in (0, 1), float32.
        """
        hidden, maps, skips = [], [None] * len(self._shapes), [None] * len(self._shapes)
        if of_latents is not None:
            of_coarsest, *maps[:-1] = of_latents
            hidden.append(of_coarsest)
        if image is not None:
            skips = self.pyramid(image, step=step)
            hidden.append(_leaky_relu(self.image_hidden(_flatten(skips[-1]))))
        features = tf.reshape(self.top(tf.concat(hidden, axis=-1)), [-1, *self._shapes[-1]])
        for layer, skip, beside in reversed(list(zip(self.upward, skips, maps, strict=True))):
            features = _leaky_relu(features if skip is None else features + skip)
            if beside is not None:
                features = tf.concat([features, beside], axis=-1)
            features = layer(features)
        return features[..., :-1], tf.sigmoid(features[..., -1:])

    def _as_maps(self, latents):
        triples = zip(self.latent_maps, latents, self._map_shapes, strict=True)
        return [_leaky_relu(tf.reshape(dense(z), [-1, *shape])) for dense, z, shape in triples]


def _scale_shapes(image_shape, filters):
    height, width, _ = image_shape
    for scale, f in enumerate(filters, start=1):
        yield height // 2**scale, width // 2**scale, f


def _conv(kind, filters):
    kwargs = {"data_format": LAYOUT, "kernel_initializer": "he_normal"}
    return kind(filters, _KERNEL_SIZE, 2, "same", **kwargs)


def _dense(units, name=None):
    return keras.layers.Dense(units, kernel_initializer="he_normal", name=name)


def _leaky_relu(features):
    return tf.nn.leaky_relu(features, 0.1)  # The authors' slope.


def _flatten(features):
    return tf.reshape(features, [-1, int(np.prod(features.shape[1:]))])

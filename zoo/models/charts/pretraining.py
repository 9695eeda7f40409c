"""`pretrain` of a `zoo.ChartVAE`."""

import keras
import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.base.compiled import is_uncompiled
from zoo.errors import BatchError
from zoo.models.charts.farthest_points import farthest_points

__all__ = ["Pretraining"]


class Pretraining:
    """Adds the training that gives each chart a place among the data."""

    def pretrain(self, images, steps=200, learning_rate=1e-3):
        """Trains each chart on one image, as far as can be from those of the others.

        Minimises -log p(x | chart, z) + ½‖u‖² - log P(chart | x) at posterior means, so that every
        chart gets a gradient, and has its image at the middle of its box.

        Args:
            images: `[M, H, W, C]`, float in [0, 1] or uint8, at least one a chart.
            steps: Steps of Adam.
            learning_rate: Of Adam.

        Returns:
            The numbers of the charts' images, int `[N]`.

        Raises:
            BatchError: There are fewer images than charts, or they are not such images.

        Example:
            >>> numbers = model.pretrain(images, steps=50)
            >>> images[numbers]  # where each chart begins, [N, 28, 28, 1]
        """
        checks.integer("steps", steps)
        checks.number("learning_rate", learning_rate, above=0)
        images, _ = self._check_batch(images, None)
        if images.shape[0] < self.num_charts:
            raise BatchError(
                f"pretrain gives each of {self.num_charts} charts an image of its own. Received "
                f"{images.shape[0]} images: give more, or make the model with fewer num_charts."
            )
        images = self._as_images(images)
        chosen = farthest_points(np.reshape(images, [images.shape[0], -1]), self.num_charts)
        seeds = tf.gather(images, chosen)
        optimizer = keras.optimizers.Adam(learning_rate)
        weights = self.trainable_weights
        with self.distribute_strategy.scope():
            optimizer.build(weights)

        def step():
            with tf.GradientTape() as tape:
                loss = self._pretraining_loss(seeds)
            optimizer.apply(tape.gradient(loss, weights, unconnected_gradients="zero"), weights)

        run = step if is_uncompiled() else tf.function(step, autograph=False)
        for _ in range(steps):
            self.distribute_strategy.run(run)
        return chosen

    def _pretraining_loss(self, seeds):
        """Returns the mean over charts, each at its own image, in nats."""
        features = self.encoder(seeds, training=True)
        means = self._posteriors(features).loc
        parameters = self._decode_charts(means, training=True)
        distortions = -self._log_likelihoods(parameters, seeds)
        squares = 0.5 * tf.reduce_sum(means**2, axis=2)
        costs = distortions + squares - self._log_charts(features)
        return tf.reduce_mean(tf.linalg.diag_part(costs))

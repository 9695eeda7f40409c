"""Drawing charts: of an image's, by the predictor; of the prior's, by use and without overlaps."""

import tensorflow as tf

__all__ = ["COORDINATES", "NEVER", "ChartChoice", "log_logistic", "of_chart"]

# Streams of noise.
COORDINATES, _CHART, _ACCEPTANCE = 0, 1, 2
NEVER = -1e9  # The logit of a chart that is pruned.
_TRIES = 8


class ChartChoice:
    """Adds to a `zoo.ChartVAE` how charts and coordinates are drawn."""

    def _generate(self, noise, temperature, context):
        """Draws charts by use and coordinates uniformly until their image is the chart's own."""

        def draw(index, is_done, charts, coordinates):
            own = noise.fold(index)
            new_charts = self._choose(self._log_use(), own, temperature)
            uniform = own.uniform([self.chart_dim], COORDINATES)
            new = temperature[:, None] * (tf.math.log(uniform) - tf.math.log1p(-uniform))
            charts = tf.where(is_done[:, None], charts, new_charts)
            coordinates = tf.where(is_done[:, None], coordinates, new)
            is_done |= own.uniform([1], _ACCEPTANCE)[:, 0] < self._share(charts, coordinates)
            return index + 1, is_done, charts, coordinates

        num_rows = tf.shape(temperature)[0]
        start = (
            tf.constant(0),
            tf.zeros([num_rows], tf.bool),
            tf.zeros([num_rows, self.num_charts]),
            tf.zeros([num_rows, self.chart_dim]),
        )
        _, _, *latents = tf.while_loop(
            lambda index, is_done, *_: tf.reduce_any(~is_done),
            draw,
            start,
            parallel_iterations=1,
            maximum_iterations=_TRIES,
        )
        latents = tuple(map(tf.stop_gradient, latents))
        return latents, self._decode(latents, context)

    def _share(self, charts, coordinates):
        """Returns the probability of each row's chart given the image that it decodes, `[B]`."""
        if not self.has_mean:
            return tf.ones(tf.shape(charts)[:1])
        images = self._likelihood(self._decode((charts, coordinates), None)).mean()
        return tf.exp(of_chart(charts, self._log_charts(self.encoder(images))))

    def _choose(self, log_charts, noise, temperature=None):
        """Draws charts, one-hot `[B, N]`; without noise or temperature the likeliest."""
        gumbel = -tf.math.log(-tf.math.log(noise.uniform([self.num_charts], _CHART)))
        if temperature is not None:
            gumbel *= temperature[:, None]
        return tf.one_hot(tf.argmax(log_charts + gumbel, axis=1), self.num_charts)

    def _log_use(self):
        use = tf.convert_to_tensor(self.chart_use)
        return tf.where(use > 0.0, tf.math.log(tf.where(use > 0.0, use, 1.0)), NEVER)


def log_logistic(values):
    """Returns the log-density of the standard logistic, where sigmoids are uniform."""
    return -values - 2.0 * tf.nn.softplus(-values)


def of_chart(charts, values):
    """Returns what values `[B, N, ...]` are of each row's chart, one-hot `[B, N]`."""
    return tf.gather(values, tf.argmax(charts, axis=1), batch_dims=1)

"""`zoo.ChartVAE`: a mixture of charts, each a decoder of a box of coordinates."""

import functools

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.base.compiled import compiled
from zoo.distributions import Gaussian, normals
from zoo.models.charts.choice import COORDINATES, NEVER, ChartChoice, log_logistic, of_chart
from zoo.models.charts.interpolation import Interpolation
from zoo.models.charts.networks import ChartNetwork
from zoo.models.charts.pretraining import Pretraining
from zoo.models.conv_networks import ACTIVATION, check_divisible, make_decoder, make_encoder
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Inference
from zoo.objectives.objective import mean_over_replicas

__all__ = ["ChartVAE"]

_DECAY = 0.99  # A step, of the moving average of the charts' use.
_LEAST_USE = 1e-6  # Of a chart that is not pruned.


@registry.register("architecture", package="zoo")
class ChartVAE(Pretraining, Interpolation, ChartChoice, LatentImageModel):
    """A mixture of charts: closed sets, which one map from a normal cannot cover, by several.

    p(chart) = 1/N, z | chart ~ U(0, 1)^d, and p(x | chart, z) by a decoder of the chart's own
    that leads into one for all. q(chart | x) is a predictor P; the coordinates have a normal
    posterior in u = logit z, in which the uniform prior is logistic. This is a chart autoencoder
    (Schonsheck, Chen & Lai 2019) in nats:

        rate = Σ P (log P + log N + KL),  distortion = -Σ P log p(x | chart, z)

    with the KL of a chart at one draw of its u. At fixed costs t = -log p(x | chart, z) + KL the
    best predictor is P ∝ exp(-t), the responsibilities. Training adds its cross-entropy from them
    to the gradient of the rate [choice], since a chart that P never chooses would learn nothing.

    Latents are the chart, one-hot `[B, N]`, and u, `[B, d]`. `pretrain(images)` gives each chart a
    place before training; `chart_use` says how often each is chosen, and `prune` takes out those
    that hardly are. `sample` draws the chart by use and accepts an image with the probability that
    the predictor gives its chart, so that overlaps are not drawn twice [choice].

    Args:
        image_shape: (height, width, channels), the sides divisible by 2 for each of `filters`.
        num_charts: N.
        chart_dim: d, the number of coordinates.
        filters: Filters of the encoder's stride-2 convolutions; the decoder mirrors them.
        hidden_units: Units of the dense layers that all charts share.
        chart_units: Units of the hidden layers of a chart.
        embedding_dim: Outputs of a chart's decoder.
        lipschitz_weight: Of max L + mean L in nats, L the product of the spectral norms of a
            chart's encoder, which keeps charts from folding.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.

    Raises:
        ValueError: The image size does not fit the networks, or a number is out of range.

    Example:
        >>> model = zoo.ChartVAE((28, 28, 1), num_charts=6, chart_dim=2)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.pretrain(images)
        >>> model.fit(images, epochs=10)
    """

    citations = (papers.CHARTS,)
    _measure_names = ("predictor_cross_entropy",)

    def __init__(
        self,
        image_shape,
        num_charts=6,
        chart_dim=2,
        filters=(32, 64),
        hidden_units=128,
        chart_units=64,
        embedding_dim=16,
        lipschitz_weight=0.01,
        likelihood="gaussian",
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.num_charts = checks.integer("num_charts", num_charts)
        self.chart_dim = checks.integer("chart_dim", chart_dim)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self.chart_units = checks.integer("chart_units", chart_units)
        self.embedding_dim = checks.integer("embedding_dim", embedding_dim)
        self.lipschitz_weight = checks.number("lipschitz_weight", lipschitz_weight, least=0)
        check_divisible("ChartVAE", self.image_shape, self.filters)

        # === Layers ===
        num_parameters = self.likelihood.num_parameters(self.image_shape[-1])
        self.encoder = make_encoder(self.image_shape, self.filters, hidden_units)
        self.predictor = keras.layers.Dense(num_charts, dtype="float32", name="predictor")
        self.chart_encoders = ChartNetwork(num_charts, chart_units, 2 * chart_dim, ACTIVATION)
        self.chart_decoders = ChartNetwork(num_charts, chart_units, embedding_dim, ACTIVATION)
        self.decoder = make_decoder(
            self.image_shape, embedding_dim, self.filters, hidden_units, num_parameters
        )

        # === Build ===
        self.predictor.build((None, hidden_units))
        self.chart_encoders.build((None, hidden_units))
        self.chart_decoders.build((None, num_charts, chart_dim))
        # The share of training images that each chart is drawn for, 0 of one that is pruned.
        self.chart_use = self.add_weight(
            name="chart_use",
            shape=(num_charts,),
            initializer=keras.initializers.Constant(1.0 / num_charts),
            trainable=False,
            aggregation="mean",
        )
        self.built = True

    # === Charts ===

    def chart_probabilities(self, images):
        """Returns P, the probability of each chart given each image, float32 `[B, N]`.

        Example:
            >>> chart = tf.argmax(model.chart_probabilities(images), axis=1)  # the likeliest, [B]
        """
        images, _ = self._check_batch(images, None)
        return self._run_chart_probabilities(images)

    @compiled
    def _run_chart_probabilities(self, images):
        return tf.exp(self._log_charts(self.encoder(self._as_images(images))))

    def prune(self, least_use=0.01):
        """Takes out charts that are chosen for a smaller share of images than `least_use`.

        They are judged by use, not by the size of their weights, which says nothing of it.

        Args:
            least_use: A share, of 1; the chart that is used most stays.

        Returns:
            The number of charts that are left.

        Example:
            >>> model.fit(images, epochs=10)
            >>> num_left = model.prune(least_use=0.02)
        """
        checks.number("least_use", least_use, least=0, most=1)
        use = tf.convert_to_tensor(self.chart_use)
        kept = tf.where(use >= tf.minimum(least_use, tf.reduce_max(use)), use, 0.0)
        self.chart_use.assign(kept / tf.reduce_sum(kept))
        return int(tf.math.count_nonzero(kept))

    def _is_alive(self):
        return tf.convert_to_tensor(self.chart_use) > 0.0

    def _log_num_charts(self):
        return tf.math.log(tf.reduce_sum(tf.cast(self._is_alive(), tf.float32)))

    def _log_charts(self, features, training=False):
        """Returns log P, `[B, N]`, of the encoder's features."""
        logits = self.predictor(features)
        return tf.nn.log_softmax(tf.where(self._is_alive(), logits, NEVER))

    def _posteriors(self, features):
        """Returns the normals over coordinates of every chart, `[B, N, d]`."""
        return normals.normal_from_parameters(self.chart_encoders(features))

    @property
    def losses(self):
        """Those of Keras, and the Lipschitz term."""
        if not self.lipschitz_weight:
            return super().losses
        bounds = self.chart_encoders.lipschitz_bounds()
        term = self.lipschitz_weight * (tf.reduce_max(bounds) + tf.reduce_mean(bounds))
        return [*super().losses, term]

    # === What an architecture defines ===

    @property
    def _latent_shapes(self):
        return [(self.num_charts,), (self.chart_dim,)]

    def _infer(self, images, context, noise, training=False):
        """Draws coordinates in every chart, and a chart; the terms are means over charts."""
        features = self.encoder(images, training=training)
        log_charts, posteriors = self._log_charts(features), self._posteriors(features)
        drawn = noise.normal([self.num_charts, self.chart_dim], COORDINATES)
        coordinates = posteriors.loc + posteriors.scale * drawn
        log_posteriors = tf.reduce_sum(posteriors.log_prob(coordinates), axis=2)
        log_priors = tf.reduce_sum(log_logistic(coordinates), axis=2)
        parameters = self._decode_charts(coordinates, training)
        distortions = -self._log_likelihoods(parameters, images)
        kl = log_posteriors - log_priors
        charts = tf.exp(log_charts)
        log_num = self._log_num_charts()
        rate = tf.reduce_sum(charts * (log_charts + log_num + kl), axis=1)
        cross_entropy = self._cross_entropy(log_charts, distortions + kl)
        rate += cross_entropy - tf.stop_gradient(cross_entropy)
        chosen = self._choose(log_charts, noise)
        return Inference(
            latents=(chosen, of_chart(chosen, coordinates)),
            rate=rate,
            log_posterior=of_chart(chosen, log_charts + log_posteriors),
            log_prior=of_chart(chosen, log_priors) - log_num,
            parameters=of_chart(chosen, parameters),
            measures={"predictor_cross_entropy": cross_entropy},
            expected_distortion=tf.reduce_sum(charts * distortions, axis=1),
        )

    def _decode(self, latents, context, training=False):
        """Returns the likelihood's parameters; charts may be mixed, too."""
        charts, coordinates = latents
        everywhere = tf.repeat(coordinates[:, None], self.num_charts, axis=1)
        embeddings = self.chart_decoders(tf.sigmoid(everywhere))
        return self.decoder(tf.einsum("bn,bnl->bl", charts, embeddings), training=training)

    def _decode_charts(self, coordinates, training):
        """Returns the likelihood's parameters in every chart, `[B, N, ...]`, at `[B, N, d]`."""
        embeddings = self.chart_decoders(tf.sigmoid(coordinates))
        flat = tf.reshape(embeddings, [-1, self.embedding_dim])
        parameters = self.decoder(flat, training=training)
        return tf.reshape(parameters, [-1, self.num_charts, *parameters.shape[1:]])

    def _log_likelihoods(self, parameters, images):
        """Returns log p(x | chart, z) in nats, `[B, N]`."""
        flat = tf.reshape(parameters, [-1, *parameters.shape[2:]])
        repeated = tf.repeat(images, self.num_charts, axis=0)
        return tf.reshape(self._likelihood(flat).log_prob(repeated), [-1, self.num_charts])

    def _cross_entropy(self, log_charts, costs):
        """Returns that of the predictor from the responsibilities exp(-costs), in nats `[B]`."""
        scores = tf.where(self._is_alive(), -costs, NEVER)
        responsibilities = tf.stop_gradient(tf.nn.softmax(scores))
        return -tf.reduce_sum(responsibilities * log_charts, axis=1)

    def _log_prior(self, latents, context):
        return tf.reduce_sum(log_logistic(latents[1]), axis=1) - self._log_num_charts()

    def _log_posterior(self, latents, images, context):
        features = self.encoder(images)
        charts, coordinates = latents
        log_posteriors = self._posteriors(features).log_prob(coordinates[:, None])
        return of_chart(charts, self._log_charts(features) + tf.reduce_sum(log_posteriors, axis=2))

    # === Keras ===

    def _after_step(self, terms, record):
        super()._after_step(terms, record)
        drawn = mean_over_replicas(tf.reduce_mean(record.latents[0], axis=0))
        use = tf.convert_to_tensor(self.chart_use)
        moved = tf.maximum(_DECAY * use + (1.0 - _DECAY) * drawn, _LEAST_USE)
        self.chart_use.assign(tf.where(self._is_alive(), moved, 0.0))

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        arguments = {
            "num_charts": 3,
            "chart_dim": 1,
            "filters": (4,),
            "hidden_units": 8,
            "chart_units": 4,
            "embedding_dim": 3,
            "lipschitz_weight": 0.1,
        }
        learned = functools.partial(Gaussian, scale="learned")
        return {
            "": lambda: cls(image_shape, **arguments),
            "learned_scale": lambda: cls(image_shape, likelihood=learned(), **arguments),
        }

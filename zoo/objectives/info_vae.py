"""InfoVAE: the ELBO with a divergence between q(z) and the prior (Zhao, Song & Ermon 2019)."""

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.divergences import MMD, Divergence
from zoo.errors import SettingError
from zoo.objectives.objective import Objective, check_posterior

__all__ = ["InfoVAE"]

_ROUNDING = 1e-9  # 1 - 0.9 + 0.9 may be a little less than 1.


@registry.register("objective", package="zoo")
class InfoVAE(Objective):
    """Minimises distortion + (1 - α) · rate + (α + λ - 1) · D(q(z) ‖ p(z)), in nats an image.

    q(z) is the posterior aggregated over the data, sampled by one z a data point of the batch (on
    many replicas, of the global batch). α weights the information that z has of x, λ how far q(z)
    may be from the prior: α = 0, λ = 1 is the ELBO, α + λ = 1 β-VAE with β = λ, and α = 1 the
    family of MMD-VAE and of adversarial autoencoders. The paper proves that the optimum has the
    right marginals for α < 1 and λ > 0; α = 1, MMD-VAE's own choice, is outside that guarantee.
    D has units of its own (see each of `zoo.divergences`): choose λ by them. Logs D as
    `divergence`, with z drawn.

    In a conditional model q(z) and p(z) are aggregated over the batch's contexts.

    Args:
        alpha: α, at most 1.
        lambda_: λ, at least 1 - α.
        divergence: A `zoo.divergences.Divergence`; None means `zoo.divergences.MMD()`.

    Raises:
        ValueError: α > 1 or α + λ < 1, which reward a divergence, or not a divergence.

    Example:
        >>> objective = zoo.InfoVAE(alpha=0.9, lambda_=1000.0)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
    """

    citations = (papers.INFO_VAE,)
    summary = (
        "InfoVAE (Zhao, Song & Ermon 2019): distortion + (1 - α) · rate + (α + λ - 1) · a "
        "divergence between the aggregate posterior and the prior."
    )

    def __init__(self, alpha=0.0, lambda_=10.0, divergence=None, **kwargs):
        super().__init__(**kwargs)
        divergence = MMD() if divergence is None else divergence
        _check_weights(alpha, lambda_)
        if not isinstance(divergence, Divergence):
            expected = "a zoo.divergences.Divergence, such as zoo.divergences.MMD()"
            raise SettingError("divergence", expected, divergence)
        self.alpha = float(alpha)
        self.lambda_ = float(lambda_)
        self.divergence = divergence
        self._divergence_tracker = keras.metrics.Mean("divergence")

    def check(self, model, optimizer):
        """Raises ValueError if the divergence is undefined for the model, or nothing to move."""
        check_posterior(self, model)
        self.divergence.check(model)

    def attach(self, model):
        """Creates the divergence's state."""
        super().attach(model)
        self.divergence.attach(model)

    def terms(self, model, record, noise=None):
        """Returns rate, distortion and the divergence's terms."""
        terms = super().terms(model, record, noise)
        return terms | self.divergence.terms(model, record, noise)

    def loss(self, terms, training):
        """Returns mean(distortion + (1 - α) · rate + (α + λ - 1) · D), a scalar."""
        regulariser = (1.0 - self.alpha) * terms["rate"]
        regulariser += (self.alpha + self.lambda_ - 1.0) * terms["divergence"]
        return tf.reduce_mean(terms["distortion"] + regulariser)

    def after_step(self, terms):
        """Does a step of what the divergence trains by itself, if anything."""
        self.divergence.after_step(terms)

    def track(self, terms):
        """Logs the divergence."""
        self._divergence_tracker.update_state(terms["divergence"])

    @property
    def trackers(self):
        """The metric `divergence`."""
        return [self._divergence_tracker]

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""

        def with_divergence(make):
            return lambda: cls(alpha=0.25, lambda_=2.0, divergence=make())

        makers = registry.examples("divergence", image_shape)
        return {name: with_divergence(make) for name, make in makers.items()}


def _check_weights(alpha, lambda_):
    why = "above, the weight 1 - alpha of the rate is negative, and an unbounded rate is rewarded"
    checks.number("alpha", alpha, most=1, why=why)
    checks.number("lambda_", lambda_)
    if alpha + lambda_ < 1 - _ROUNDING:
        raise ValueError(
            "alpha + lambda_ must be at least 1: below, the weight alpha + lambda_ - 1 of the "
            "divergence is negative, and samples that do not look like the prior are rewarded. "
            f"Received: alpha={alpha!r}, lambda_={lambda_!r}"
        )

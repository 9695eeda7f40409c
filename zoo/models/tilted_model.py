"""The second stage: a trained model, frozen, and an energy-based prior over its noise."""

import keras
import tensorflow as tf

from zoo import papers, random, registry
from zoo.errors import SettingError
from zoo.models.architecture import Architecture
from zoo.models.conv_draw import ConvDRAW
from zoo.models.conv_vae import ConvVAE
from zoo.models.energy_prior import EnergyPrior
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.short_run_model import ShortRunModel
from zoo.models.tilted_prior import TiltedPrior

__all__ = ["TiltedModel", "with_energy_prior"]


def with_energy_prior(model, prior=None):
    """Returns a model that is a trained one, frozen, with an energy-based prior to be trained.

    Pang et al. 2020 tilt a normal prior; Cui, Wu & Han 2023 do it to a trained hierarchy, in the
    coordinates of its noise. Only the energy learns: how the noise that stands for the data's
    latents differs from N(0, I), in which the model's samples begin. Reconstructions, the posterior
    and the distortion stay as they were; samples, the rate and `log_prob` become better.

    Args:
        model: A trained `zoo.ConvVAE`, `zoo.PixelVAE`, `zoo.ConvDRAW` or `zoo.ShortRunModel`, which
            stays as it is.
        prior: A `zoo.EnergyPrior`; None for one with its defaults.

    Returns:
        A `zoo.models.TiltedModel`, to be compiled with `zoo.ELBO()` and trained.

    Raises:
        ValueError: A model without latents or whose noise its latents do not give back, one with an
            energy or with a range of tolerances, or not an EnergyPrior.

    Example:
        >>> model = zoo.with_energy_prior(zoo.load("conv_draw_mnist"))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=5)
        >>> model.export("conv_draw_mnist_energy/1")
    """
    _check_backbone(model)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return TiltedModel(copy, EnergyPrior() if prior is None else prior)


@registry.register("architecture", package="zoo")
class TiltedModel(TiltedPrior, LatentImageModel):
    """A frozen model whose prior has the density exp(f(ε)) N(ε; 0, I) / Z over its noise ε.

    Latents are z = T(ε), by the model's own way from noise to latents, and f is of ε: at a latent
    the Jacobian of T is in both priors, so that log p(z) is the model's own and f(ε) - log Z
    [derived]. Chains in ε need no step of the decoder, and their step size fits any scale that
    latents have; f(ε) is as rich as f(z), since T is frozen and can be inverted [choice].

    `zoo.with_energy_prior` makes one of a trained model.

    Args:
        backbone: The model, uncompiled; from now on a frozen part of this one.
        prior: A `zoo.EnergyPrior`.

    Raises:
        ValueError: As in `zoo.with_energy_prior`.

    Example:
        >>> zoo.models.TiltedModel(zoo.ConvDRAW((28, 28, 1)), zoo.EnergyPrior())
    """

    citations = (papers.ENERGY_PRIOR,)

    def __init__(self, backbone, prior, **kwargs):
        _check_backbone(backbone)
        if not isinstance(prior, EnergyPrior):
            raise SettingError("prior", "a zoo.EnergyPrior", prior)
        super().__init__(backbone.image_shape, backbone.likelihood, **kwargs)
        self.context_shape = backbone.context_shape
        self.backbone = backbone
        self.backbone.trainable = False
        self._set_prior(prior)
        self.energy.attach(backbone._noise_shapes)
        self.built = True

    @property
    def has_mean(self):
        """That of the model that was trained."""
        return self.backbone.has_mean

    @property
    def has_posterior_density(self):
        """That of the model that was trained."""
        return self.backbone.has_posterior_density

    @property
    def has_trained_posterior(self):
        """That of the model that was trained."""
        return self.backbone.has_trained_posterior

    @property
    def _measure_names(self):
        return (*super()._measure_names, *self.backbone._measure_names)

    @property
    def _latent_shapes(self):
        return self.backbone._latent_shapes

    @property
    def _least_num(self):
        return self.backbone._least_num

    def _infer(self, images, context, noise, training=False):
        """Draws z ~ q(z|x) as the model does; the prior's share of the rate is the tilted one."""
        return self._tilted(self.backbone._infer(images, context, noise), context)

    def _weighted_draw(self, images, context, noise):
        """Draws z as the model does for its own bound; the ratio has the energy's share."""
        latents, parameters, log_ratio = self.backbone._weighted_draw(images, context, noise)
        share = self.energy.log_ratio(self._noise_of(latents, context))
        return latents, parameters, log_ratio + share

    def _generate(self, noise, temperature, context):
        """Draws z = T(ε) with ε the end of a chain."""
        drawn = random.GivenNoise(self.energy.chain(noise, temperature).latents)
        return self.backbone._generate(drawn, tf.ones_like(temperature), context)

    def _decode(self, latents, context):
        """Returns the likelihood's parameters, the model's own."""
        return self.backbone._decode(latents, context)

    def _likelihood(self, parameters):
        """Returns p(x|z), the model's own."""
        return self.backbone._likelihood(parameters)

    def _log_prior(self, latents, context):
        """Returns the model's log p(z) + f(ε) - log Z in nats, `[B]`."""
        share = self.energy.log_ratio(self._noise_of(latents, context))
        return self.backbone._log_prior(latents, context) + share

    def _log_posterior(self, latents, images, context):
        """Returns the model's log q(z|x) in nats, `[B]`."""
        return self.backbone._log_posterior(latents, images, context)

    def _noise_of(self, latents, context):
        return self.backbone._noise_of(latents, context)

    def _after_step(self, terms, record):
        """Moves the objective's state alone: the likelihood's running scale is frozen, too."""
        self.objective.after_step(terms)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        vae, draw = ConvVAE.examples(image_shape), ConvDRAW.examples(image_shape)
        prior = EnergyPrior.examples(image_shape)
        return {
            "": lambda: cls(vae[""](), prior[""]()),
            "short_run": lambda: cls(ShortRunModel.examples(image_shape)[""](), prior[""]()),
            "conditional": lambda: cls(draw["conditional"](), prior["own_network"]()),
        }


def _gives_noise_back(cls):
    return getattr(cls, "_noise_of", Architecture._noise_of) != Architecture._noise_of


def _check_backbone(model):
    kind = type(model).__name__
    if not isinstance(model, keras.Model) or not _gives_noise_back(type(model)):
        raise ValueError(
            "An energy-based second stage needs a model whose latents say what noise they were "
            "made of, as zoo.load returns it: a ConvVAE, PixelVAE, ConvDRAW or ShortRunModel. "
            f"Received: a {kind}"
        )
    prior = getattr(model, "prior", "standard_normal")
    if prior != "standard_normal":
        raise ValueError(
            f"This {kind} has the prior {type(prior).__name__} already: train that, by fit."
        )
    if model.tolerances is not None:
        raise ValueError(
            f"This {kind} has a tolerance_range, and its latents another law for each tolerance: "
            "an EnergyPrior goes with a model of one tolerance."
        )

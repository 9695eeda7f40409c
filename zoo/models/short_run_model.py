"""A model without an encoder, which infers latents by short Langevin chains."""

import functools

from zoo import checks, papers, registry
from zoo.distributions import Gaussian
from zoo.models.conv_networks import check_divisible, make_decoder
from zoo.models.energy_prior import EnergyPrior
from zoo.models.langevin_posterior import LangevinPosterior
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.layered_latents import latents_of_noise, make_top_down, renewed_noise
from zoo.models.redrawn_latents import RedrawnLatents
from zoo.models.tilted_prior import TiltedPrior

__all__ = ["ShortRunModel"]


@registry.register("architecture", package="zoo")
class ShortRunModel(RedrawnLatents, LangevinPosterior, TiltedPrior, LatentImageModel):
    """A generator of several layers of latents, and no encoder: K Langevin steps stand for one.

    Nijkamp, Pang, Han, Zhou, Zhu & Wu 2020, "Learning Multi-layer Latent Variable Model via
    Variational Optimization of Short Run MCMC for Approximate Inference". For each batch z starts
    at N(0, I), fresh, takes K steps uphill in log p(x, z), all layers at once, and the generator
    learns -log p(x|z_K). z = (z_1 .. z_L) are independent standard normal noises, which the
    networks turn into the latents of the layers, top down: h_L = z_L and
    h_l = μ(h_{l+1}) + σ(h_{l+1}) z_l; the decoder sees h_1.

    Inference becomes better by more steps (`encode(images, num_steps=100)`), and needs no more than
    a likelihood: with `mask=`, of the pixels that are seen. `rate` is log of a path's density less
    log p(z), whose mean bounds the KL from above, without a gradient; `log_prob` averages the
    weights of paths that anneal from the prior to log p(x, z), a bound that more steps tighten and
    more samples slowly. Objectives that would move a posterior by gradients, `zoo.GECO` and
    `zoo.InfoVAE`, refuse the model. `fit` logs the `acceptance` of the chains' last steps,
    `stable_step`, the mean over images of the step size up to which these were stable, and
    `posterior_stiff`, the share of chains whose step was larger, of which it warns.

    Args:
        image_shape: (height, width, channels), height and width divisible by 2 for each entry of
            `filters`.
        latent_dims: Numbers of latents of the layers, from the one that the decoder sees up.
        num_steps: Langevin steps K.
        step_size: Their size s, in the latents' unit: a number, to which the decoder learns to be
            as steep as the chains can follow, or a rule by which training moves it:
            `"acceptance"`, until a Metropolis test would accept 85% of the last steps [choice], or
            `"variational"`, the paper's, towards the least bound on the KL that holds the noises
            fixed. Either rule follows a decoder that becomes steeper by ever smaller steps, and
            reconstructs worse.
        filters: Filters of the decoder's convolutions, from the image in, as of `zoo.ConvVAE`.
        hidden_units: Units of the hidden layer between layers and of the decoder's first one.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        prior: `"standard_normal"` or a `zoo.EnergyPrior`; with one, of one layer, it is the model
            of Pang et al. 2020.

    Raises:
        ValueError: The image size does not fit the networks, there are no latents or no steps, or a
            step size that is not above 0.

    Example:
        >>> model = zoo.ShortRunModel((28, 28, 1), latent_dims=(16, 32))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=10)
        >>> upper_half = np.arange(28)[:, None] < 14 * np.ones(28)
        >>> filled_in = model.reconstruct(images, mask=upper_half, seed=0)
    """

    citations = (papers.SHORT_RUN,)

    def __init__(
        self,
        image_shape,
        latent_dims=(32,),
        num_steps=20,
        step_size=0.1,
        filters=(32, 64),
        hidden_units=256,
        likelihood="gaussian",
        prior="standard_normal",
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.latent_dims = checks.integers("latent_dims", latent_dims)
        self.num_steps = checks.integer("num_steps", num_steps)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self._set_step_size(step_size)
        self._set_prior(prior)
        check_divisible("ShortRunModel", self.image_shape, self.filters)

        # === Layers ===
        self.top_down = make_top_down(self.latent_dims, hidden_units)
        num_parameters = self.likelihood.num_parameters(self.image_shape[-1])
        self.decoder = make_decoder(
            self.image_shape, self.latent_dims[0], self.filters, hidden_units, num_parameters
        )

        # === Build ===
        self._add_step_size()
        if self.energy is not None:
            self.energy.attach(self._noise_shapes)
        self.built = True

    @property
    def _latent_shapes(self):
        return [(size,) for size in self.latent_dims]

    _noise_shapes = _latent_shapes

    def _noise_of(self, latents, context):
        """Returns the latents, which are noise themselves."""
        return latents

    def _decode(self, latents, context, training=False):
        """Returns the likelihood's parameters for L `[B, latent_dims[l]]`, the decoder's first."""
        lowest, *_ = latents_of_noise(self.top_down, latents, training)
        return self.decoder(lowest, training=training)

    def _redraw(self, latents, num_kept, noise, temperature, context):
        return renewed_noise(latents, num_kept, noise, temperature)

    def _generate(self, noise, temperature, context):
        """Draws z ~ N(0, temperature²) or by a chain; the latents are L groups."""
        latents = self._draw_noise(noise, temperature)
        return latents, self._decode(latents, context)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, scale=0.5, mean="linear")
        sizes = {"latent_dims": (3, 2), "num_steps": 2, "filters": (4,), "hidden_units": 6}
        energy = EnergyPrior.examples(image_shape)[""]
        return {
            "": lambda: cls(image_shape, step_size="acceptance", likelihood=likelihood(), **sizes),
            "energy": lambda: cls(image_shape, step_size=0.2, prior=energy(), **sizes),
        }

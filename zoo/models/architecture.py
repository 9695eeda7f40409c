"""What an architecture defines of a `zoo.LatentImageModel`: its networks and distributions."""

__all__ = ["Architecture"]


class Architecture:
    """The methods that a subclass of `zoo.LatentImageModel` defines.

    They get float32 images and context in [0, 1], already checked, and run inside of a graph. The
    last two have defaults; p(x|z) is that of `self.likelihood`. `training` is to reach every
    network that looks at it, so also each that a user may hand in; `_generate` is inference always.

    Those of a class that takes `tolerance_range` have one argument more, `tolerance`: float32 `[B]`
    in a model with a range, else it is not passed. The class hands it to `_modulations`, and calls
    `_add_tolerance_input` at the end of its constructor.
    """

    def _infer(self, images, context, noise, training=False):
        """Draws z ~ q(z|x) for images `[B, H, W, C]` with the noise; returns an `Inference`."""
        raise NotImplementedError

    def _generate(self, noise, temperature, context):
        """Draws z ~ p(z), `temperature` `[B]` scaling standard deviations.

        Returns:
            A tuple of latents, and the parameters of p(x|z).
        """
        raise NotImplementedError

    def _decode(self, latents, context):
        """Returns the parameters of p(x|z), `[B, ...]`, for a tuple of float32 latents."""
        raise NotImplementedError

    def _log_prior(self, latents, context):
        """Returns log p(z) in nats, `[B]`."""
        raise NotImplementedError

    def _log_posterior(self, latents, images, context):
        """Returns log q(z|x) in nats, `[B]`."""
        raise NotImplementedError

    def _noise_of(self, latents, context):
        """Returns the standard normal noise that `_generate` makes latents of, a tuple.

        One float32 tensor `[B, ...]` a stream, from 0; of an architecture that defines it, which
        also has the shapes of their rows as `_noise_shapes`, an energy can tilt the prior.
        """
        raise NotImplementedError

    def _likelihood(self, parameters):
        """Returns p(x|z), a distribution over images `[B, H, W, C]` in pixel units.

        That of a model with `has_mean = False` has `draw(noise)` instead of a mean; the noise
        is to be drawn in streams that the latents do not use.
        """
        return self.likelihood(parameters)

    def _corrupt(self, images, noise):
        """Returns what the posterior sees of images in training: of a denoising model not they.

        The noise is to be drawn in streams that the latents do not use.
        """
        return images

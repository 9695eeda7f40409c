"""The peer of `zoo.ConvVAE`."""

from torch import nn

from benchmarks.peers.networks import Decoder, Encoder, kl_to_standard, normal, squared_error


class Peer(nn.Module):
    """Arguments as in `zoo.ConvVAE`."""

    has_mirrored_weights = sees_mirrored_images = True

    def __init__(self, latent_dim, filters, hidden_units):
        super().__init__()
        self.noise_shape = (latent_dim,)
        self.encoder = Encoder(filters, hidden_units)
        self.posterior = nn.Linear(hidden_units, 2 * latent_dim)
        self.decoder = Decoder(latent_dim, filters, hidden_units)

    def forward(self, images, noise):
        """Returns the mean rate and the squared error."""
        mean, log_scale = normal(self.posterior(self.encoder(images)))
        logits = self.decoder(mean + log_scale.exp() * noise)
        return kl_to_standard(mean, log_scale).mean(), squared_error(images, logits)

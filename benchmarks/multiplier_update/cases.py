"""What is trained: data, architecture, tolerance, batch size, schedule and length."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """What is trained: the data, the architecture, the tolerance, and for how long."""

    data: str = "mnist"
    architecture: str = "ConvVAE"
    arguments: tuple = (("latent_dim", 32),)
    tolerance: float = 0.1
    batch_size: int = 128
    num_steps: int = 1250
    is_cosine: bool = False
    num_images: int = 20_000


DIGITS = Case(
    "digits",
    "ConvDRAW",
    (("num_steps", 4), ("filters", 16), ("latent_filters", 2)),
    batch_size=64,
    num_steps=1500,
)
COLOR = Case("color_mnist", arguments=(("latent_dim", 64),), num_steps=3000)
# The first are the most telling: they come first in a grid that may be cut short.
CASES = {
    "mnist, 1250 steps": Case(),
    "mnist": Case(num_steps=4000),
    "mnist, 0.15": Case(tolerance=0.15, num_steps=2500),
    "digits": DIGITS,
    "color": COLOR,
    "mnist, 2 latents": Case(arguments=(("latent_dim", 2),), num_steps=2500),  # Cannot be met.
    "mnist, batch 32": Case(batch_size=32),
    "mnist, batch 512": Case(batch_size=512),
    "mnist, cosine 1000": Case(num_steps=1000, is_cosine=True),
    "mnist, cosine 2500": Case(num_steps=2500, is_cosine=True),
    "color, 1250 steps": dataclasses.replace(COLOR, num_steps=1250),
    "color, batch 32": dataclasses.replace(COLOR, batch_size=32, num_steps=1250),
    "color, batch 512": dataclasses.replace(COLOR, batch_size=512, num_steps=1250),
    "color, cosine 1250": dataclasses.replace(COLOR, num_steps=1250, is_cosine=True),
    "color, 0.06": dataclasses.replace(COLOR, tolerance=0.06),
    "digits, cosine": dataclasses.replace(DIGITS, is_cosine=True),
    "mnist ConvDRAW": Case("mnist", "ConvDRAW", (), batch_size=64, num_steps=1500),
    "color NVPVAE": dataclasses.replace(COLOR, architecture="NVPVAE", batch_size=64),
}

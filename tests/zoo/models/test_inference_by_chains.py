"""`inference="short_run"`: chains instead of an encoder, of ConvVAE and PixelVAE."""

import numpy as np
import pytest

import zoo
from tests import contract
from tests.contract import assert_close
from zoo.distributions import Gaussian
from zoo.errors import UsageError

pytestmark = pytest.mark.usefixtures("uncompiled")
SIZES = {"filters": (4,), "hidden_units": 6, "num_steps": 3, "step_size": 0.2}


def make_vae(**arguments):
    """A ConvVAE that infers by chains."""
    arguments = {"likelihood": Gaussian(scale=0.5)} | SIZES | arguments
    return zoo.ConvVAE(contract.IMAGE_SHAPE, 3, inference="short_run", **arguments)


def test_a_conv_vae_without_an_encoder_is_the_short_run_model_of_one_layer(images):
    model, likelihood = make_vae(), Gaussian(scale=0.5)
    other = zoo.ShortRunModel(contract.IMAGE_SHAPE, (3,), likelihood=likelihood, **SIZES)
    assert len(model.weights) == len(other.weights)
    other.decoder.set_weights(model.decoder.get_weights())
    mask = np.ones((4, 8))
    mask[:2] = 0
    for given in ({}, {"mask": mask}):
        own, others = (each.infer(images, seed=1, **given) for each in (model, other))
        for name in ("latents", "rate", "distortion", "log_prior", "log_posterior"):
            assert_close(getattr(own, name), getattr(others, name))
    steps = {"seed": 2, "num_steps": 4, "mask": mask}
    assert_close(model.reconstruct(images, **steps), other.reconstruct(images, **steps))
    assert_close(model.log_prob(images, 2), other.log_prob(images, 2))


def test_a_descent_in_pixels_goes_along_the_gradient_of_their_density(images):
    model = contract.make_model("PixelVAE_short_run")
    (end,) = model.encode(images[:1], num_steps=1)
    step = 1e-2

    def log_density(latents):
        return float(model.decode((latents,)).log_prob(images[:1])[0]) - 0.5 * np.sum(latents**2)

    each = step * np.eye(3, dtype=np.float32)[:, None]
    gradient = [(log_density(one) - log_density(-one)) / (2 * step) for one in each]
    np.testing.assert_allclose(end[0], 0.5 * 0.2**2 * np.array(gradient), rtol=0.02, atol=1e-3)


def test_pixels_are_learned_without_an_encoder(images):
    model = contract.make_compiled("PixelVAE_short_run", "ELBO", run_eagerly=True)
    assert not hasattr(model, "encoder")
    logs = model.train_on_batch(images, return_dict=True)
    assert 0 < logs["acceptance"] <= 1
    assert np.isfinite(logs["rate"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_vae(tolerance_range=(0.1, 0.2)), "has no encoder. Leave out tolerance_range"),
        (lambda: make_vae(prior=zoo.MixturePrior(2)), "has no encoder. Leave out prior=zoo.Mix"),
        (lambda: make_vae(encoder=object()), "has no encoder: leave out encoder="),
        (
            lambda: make_vae(step_size=-1),
            "step_size must be a number above 0, 'acceptance' or 'variational'",
        ),
        (
            lambda: zoo.ConvVAE(contract.IMAGE_SHAPE, 3, filters=(4,), inference="chain"),
            "inference must be one of 'encoder', 'short_run'",
        ),
    ],
)
def test_what_needs_an_encoder_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_methods_that_a_way_of_inference_lacks_are_refused_by_name(images):
    by_chains, by_encoder, of_pixels = (
        contract.MODELS[name]() for name in ("ConvVAE_short_run", "ConvVAE", "PixelVAE_short_run")
    )
    with pytest.raises(UsageError, match="has no normal posterior: draw from it by encode"):
        by_chains.posterior(images)
    with pytest.raises(UsageError, match="no density that is known"):
        by_chains.log_posterior(by_chains.encode(images), images)
    with pytest.raises(ValueError, match="that of a ConvVAE has no weights"):
        by_chains.compile("adam", contract.OBJECTIVES["GECO"]())
    for given in ({"num_steps": 3}, {"mask": np.ones((4, 8))}):
        with pytest.raises(UsageError, match="infers by its encoder, which takes no num_steps"):
            by_encoder.encode(images, **given)
    with pytest.raises(UsageError, match="A PixelVAE takes no mask"):
        of_pixels.reconstruct(images, mask=np.ones((4, 8)))

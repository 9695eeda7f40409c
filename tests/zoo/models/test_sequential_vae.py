import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import zoo
from tests.contract import assert_close
from zoo import distributions, random

SHAPE = (8, 8, 2)
SMALL = {"latent_dims": (2, 3), "filters": (4, 8), "hidden_units": 8}
pytestmark = pytest.mark.usefixtures("uncompiled")


class LikelihoodWithoutMean(distributions.Bernoulli):
    has_mean = False


def make(num_steps=3, image_shape=SHAPE, **changes):
    return zoo.SequentialVAE(image_shape, num_steps=num_steps, **(SMALL | changes))


@pytest.fixture(scope="module")
def model():
    return make(likelihood=distributions.Gaussian(scale=0.3, mean="linear"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, *SHAPE), np.float32)


@pytest.fixture(scope="module")
def latents(model):
    return model.sample_prior(4, seed=1)


# === The chain ===


def test_each_step_mixes_what_it_proposes_with_the_image_before(model, latents):
    first, *others = (g.of_latents(z) for g, z in zip(model.generators, latents, strict=True))
    image, _ = model.generators[0](first)
    chain = [image.numpy()]
    for generator, features in zip(model.generators[1:], others, strict=True):
        proposal, gate = generator(features, image=tf.constant(chain[-1]))
        assert gate.shape == (4, 8, 8, 1)
        gate = gate.numpy()
        assert 0.0 < gate.min() < gate.max() < 1.0
        chain.append(gate * proposal.numpy() + (1.0 - gate) * chain[-1])
    assert_close([p.mean() for p in model.decode_chain(latents)], chain)


def test_steps_that_share_weights_are_read_and_drawn_as_one_by_one(images):
    """In one pass where no step waits for another."""
    model = make(share_weights=True)
    encoder, generator = model.encoders[0], model.generators[0]
    posterior = model.posterior(images)
    steps = [encoder(images, step=t) for t in range(model.num_steps)]
    means, _ = np.split(np.stack(steps, axis=1), 2, axis=-1)
    assert_close(posterior.loc, means)
    assert np.ptp(means, axis=1).max() > 0.01, "the steps' biases tell nothing apart"
    latents = model.encode(images, seed=1)
    chain = [generator(generator.of_latents(latents[0]), image=tf.fill(images.shape, 0.5))[0]]
    for t in range(1, model.num_steps):
        image = model.likelihood(chain[-1]).mean()
        proposal, gate = generator(generator.of_latents(latents[t]), image=image, step=t)
        chain.append(gate * proposal + (1.0 - gate) * chain[-1])
    for step, expected in zip(model.decode_chain(latents), chain, strict=True):
        assert_close(step.mean(), model.likelihood(expected).mean())


def test_mixing_logits_mixes_parameters_of_any_likelihood(latents):
    for likelihood in ("gaussian", "bernoulli", "continuous_bernoulli"):
        model = make(likelihood=likelihood)
        chain = np.stack([p.mean() for p in model.decode_chain(latents)])
        assert chain.min() > 0.0
        assert chain.max() < 1.0


def test_the_first_step_is_a_plain_vae_of_the_same_networks(model, images):
    plain = make(num_steps=1, likelihood=distributions.Gaussian(scale=0.3, mean="linear"))
    plain.encoders[0].set_weights(model.encoders[0].get_weights())
    plain.generators[0].set_weights(model.generators[0].get_weights())
    assert len(plain.weights) < len(model.weights) / 3, "no previous image, no pyramid for it"
    chain = model.reconstruct(images, return_chain=True)
    assert_close(plain.reconstruct(images), chain[0])
    record = plain.infer(images, seed=0)
    q = plain.posterior(images)
    mean, scale = np.float64(q.loc[:, 0]), np.float64(q.scale[:, 0])
    kl = 0.5 * (mean**2 + scale**2 - 1.0 - 2.0 * np.log(scale)).sum(axis=1)
    assert_close(record.rate, kl)
    assert record.earlier_likelihoods == ()


def test_chains_end_in_what_is_given_without_them(model, images):
    for draw in (
        lambda **kwargs: model.sample(4, seed=3, temperature=0.5, **kwargs),
        lambda **kwargs: model.reconstruct(images, **kwargs),
        lambda **kwargs: model.reconstruct(images, seed=(1, 2), **kwargs),
    ):
        chain = draw(return_chain=True)
        assert chain.shape == (3, *images.shape)
        assert_close(chain[-1], draw())
        assert np.abs(chain[1:] - chain[:-1]).max(axis=(1, 2, 3, 4)).min() > 1e-3


def test_a_later_step_leaves_the_images_before_it_as_they_were(model, latents):
    moved = (*latents[:2], latents[2] + 1.0)
    before, after = ([p.mean() for p in model.decode_chain(z)] for z in (latents, moved))
    assert_close(after[:2], before[:2], 0.0)
    assert np.abs(after[2] - before[2]).max() > 1e-3


# === Latents ===


def test_latents_of_a_scale_are_read_off_that_scale(model, images):
    encoder = model.encoders[1]
    fine, coarse = (conv.kernel.value for conv in encoder.pyramid.convolutions)
    with tf.GradientTape(persistent=True) as tape:
        parameters = encoder(images)
        fine_mean, coarse_mean, *_ = tf.split(parameters, [2, 3, 2, 3], axis=-1)
    assert np.abs(tape.gradient(fine_mean, coarse)).max() == 0
    for mean, kernel in ((fine_mean, fine), (coarse_mean, fine), (coarse_mean, coarse)):
        assert np.abs(tape.gradient(mean, kernel)).max() > 0


def test_latents_of_every_scale_enter_every_step(model, latents):
    before = model.decode(latents).mean()
    for step in range(3):
        for slot in (0, 4):
            moved = [z.numpy() for z in latents]
            moved[step][:, slot] += 3.0
            assert np.abs(model.decode(tuple(moved)).mean() - before).max() > 1e-3


def test_shared_weights_grow_by_biases_alone_and_tell_steps_apart(images):
    few, many = (make(num_steps=n, share_weights=True) for n in (2, 5))
    assert many.count_params() - few.count_params() == 3 * 2 * SMALL["filters"][0]
    means = many.posterior(images).loc.numpy()
    assert np.abs(np.diff(means, axis=1)).max(axis=(0, 2)).min() > 1e-3


# === Terms ===


def expected_log_prob(likelihood, images):
    normal = scipy.stats.norm(np.float64(likelihood.mean()), 0.3)
    return normal.logpdf(np.float64(images)).sum(axis=(1, 2, 3))


def test_distortion_sums_all_steps_or_takes_the_last(model, images):
    record = model.infer(images, seed=2)
    chain = model.decode_chain(record.latents)
    assert_close(record.distortion, -sum(expected_log_prob(p, images) for p in chain))
    assert_close(record.reconstruction, chain[-1].mean())
    likelihood = distributions.Gaussian(scale=0.3, mean="linear")
    last_only = make(reconstruct_every_step=False, likelihood=likelihood)
    last_only.set_weights(model.get_weights())
    record = last_only.infer(images, seed=2)
    assert_close(record.distortion, -expected_log_prob(chain[-1], images))


@pytest.mark.parametrize("stop_gradient", [False, True])
def test_gradient_flows_through_the_chain_or_stops_between_steps(stop_gradient, images):
    model = make(stop_gradient=stop_gradient)
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=0)
        last = -record.likelihood.log_prob(images)
        distortion = record.distortion
    kernels = [generator.top.kernel.value for generator in model.generators]
    of_last = tape.gradient(last, kernels, unconnected_gradients="zero")
    assert np.abs(of_last[2]).max() > 0
    assert [not np.any(gradient) for gradient in of_last[:2]] == [stop_gradient] * 2
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(distortion, kernels))


# === Denoising ===


def test_corruption_blackens_whitens_and_adds_noise_as_often_as_it_says():
    model = make(num_steps=1, image_shape=(32, 32, 2), denoise=0.1)
    grey = tf.fill([16, 32, 32, 2], 0.5)
    seen = model._corrupt(grey, random.RowNoise(random.row_seeds(0, 16))).numpy()
    # A tenth is black and a tenth white before the normal noise, clipped to [0, 1], is added.
    edges = np.array([0.0, 0.05, 0.15, 0.45, 0.5, 0.55, 0.85, 0.95])
    cdf = [scipy.stats.norm.cdf(edges, mean, 0.1) for mean in (0.0, 0.5, 1.0)]
    expected = 0.1 * cdf[0] + 0.8 * cdf[1] + 0.1 * cdf[2]
    actual = (seen[..., None] <= edges).mean(axis=(0, 1, 2, 3))
    error = np.sqrt(expected * (1 - expected) / seen.size)
    assert (np.abs(actual - expected) < 5 * error).all()
    assert (seen.min(), seen.max()) == (0.0, 1.0)
    assert_close(model._corrupt(grey, random.MeanNoise(16)), grey, 0.0)


def test_only_the_encoder_sees_corrupted_images_and_only_in_training(images):
    clean, model = make(num_steps=2), make(num_steps=2, denoise=0.2)
    model.set_weights(clean.get_weights())
    actual, expected = (each.infer(images, seed=1) for each in (model, clean))
    for name in ("rate", "distortion"):
        assert_close(getattr(actual, name), getattr(expected, name), 0.0)
    record = model.infer(images, seed=1, training=True)
    assert_close(record.images, images, 0.0)
    assert np.abs(record.rate - expected.rate).max() > 1e-3
    assert_close(record.rate, model.infer(images, seed=1, training=True).rate, 0.0)
    losses = {}
    for name, each in (("clean", clean), ("denoising", model)):
        each.compile("sgd", seed=4, run_eagerly=True)
        before = each.evaluate(images, return_dict=True, verbose=0)
        losses[name] = (before["loss"], each.train_on_batch(images, return_dict=True)["loss"])
    assert losses["denoising"][0] == losses["clean"][0]
    assert abs(losses["denoising"][1] - losses["clean"][1]) > 1e-3


# === Sizes and bad input ===


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (12, 64, 4)])
def test_any_divisible_size_and_any_channels(shape):
    assert make(num_steps=2, image_shape=shape).sample(1, seed=0).shape == (1, *shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": (30, 32, 3)}, r"divisible by 4, as 4, 8, 12 .*\(30, 32, 3\)"),
        ({"num_steps": 0}, "num_steps must be an int of at least 1. Received: num_steps=0"),
        ({"latent_dims": (2,)}, r"as many entries as filters.*latent_dims=\(2,\)"),
        ({"latent_dims": (2, 0)}, "latent_dims must be .* ints of at least 1"),
        ({"filters": ()}, "filters must be one or more ints"),
        ({"denoise": 0.5}, r"denoise must be .* below 0.5. Received: denoise=0.5"),
        ({"likelihood": LikelihoodWithoutMean()}, "must have a mean"),
        ({"stop_gradient": True, "reconstruct_every_step": False}, "Change one of the two"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_geco_refuses_steps_that_it_would_not_train():
    geco = zoo.GECO(zoo.constraints.ReconstructionError(0.1))
    with pytest.raises(ValueError, match="stop_gradient=False, the default"):
        make(stop_gradient=True).compile("adam", objective=geco)
    make(num_steps=1, stop_gradient=True).compile("adam", objective=geco)

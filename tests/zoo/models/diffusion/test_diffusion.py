"""`zoo.Diffusion` by denoisers that are known exactly, and as a model of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.tiers import cover, thorough
from tests.zoo.models.diffusion.exact_denoisers import errors_beside, exact_denoiser, known
from training.datasets.topology import rendering_of
from zoo.errors import BatchError
from zoo.models.diffusion.noise_schedule import NoiseSchedule

SHAPE = (4, 4, 1)
MEAN, SCALE = 0.6, 0.05  # Of normal pixels, in pixel units.

# For what runs a network hardly more than once; chains of many steps run as a graph.
uncompiled = pytest.mark.usefixtures("uncompiled")


def make_model(shape=SHAPE, num_steps=20, filters=(4, 8)):
    return zoo.Diffusion(shape, num_steps=num_steps, filters=filters, num_blocks=1)


def of_normal_pixels(num_steps=20):
    mean, variance = 2 * MEAN - 1, (2 * SCALE) ** 2

    def denoise(noised, signal):
        gain = signal**0.5 * variance / (signal * variance + 1 - signal)
        return mean + gain * (noised - signal**0.5 * mean)

    return known(make_model((2, 2, 1), num_steps), denoise)


# === Exact denoisers ===


def law_of_samples(schedule, mean, variance, noise):
    """Mean and variance of a pixel x̃ at the chain's end, for data N(mean, variance).

    Args:
        noise: Variances of the steps, of t = 1..T; the last step adds none.
    """
    found, spread = 0.0, 1.0  # Of x_T.
    for t in range(len(schedule.beta), 0, -1):
        signal, a, beta = (values[t - 1] for values in (schedule.signal, schedule.a, schedule.beta))
        gain = np.sqrt(signal) * variance / (signal * variance + 1 - signal)
        # x_{t-1} is affine in x_t: slope and offset.
        share = beta / (1 - signal)
        slope = (1 - share * (1 - np.sqrt(signal) * gain)) / np.sqrt(a)
        offset = share * np.sqrt(signal) * (1 - gain * np.sqrt(signal)) / np.sqrt(a) * mean
        found = slope * found + offset
        spread = slope**2 * spread + (noise[t - 1] if t > 1 else 0.0)
    return found, spread


def test_the_law_of_a_thousand_steps_has_the_known_numbers():
    schedule = NoiseSchedule(1000, (1e-4, 0.02))
    for noise, deviation in ((schedule.beta, 0.5008), (schedule.posterior, 0.4961)):
        mean, variance = law_of_samples(schedule, 0.3, 0.25, noise)
        assert (mean, variance**0.5) == pytest.approx((0.3, deviation), abs=1e-4)


def test_samples_of_normal_pixels_follow_the_law_of_the_chain():
    model = of_normal_pixels()
    schedule = model.schedule
    mean, variance = law_of_samples(schedule, 2 * MEAN - 1, (2 * SCALE) ** 2, schedule.posterior)
    samples = 2 * np.float64(model.sample(1500, seed=0)) - 1
    assert samples.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 6000))
    assert samples.std() == pytest.approx(np.sqrt(variance), rel=4 / np.sqrt(2 * 6000))
    assert mean == pytest.approx(2 * MEAN - 1, abs=0.01)


def test_the_bound_of_normal_pixels_is_the_one_in_closed_form():
    model, size = of_normal_pixels(num_steps=100), 4
    schedule, variance = model.schedule, (2 * SCALE) ** 2  # Of x̃ = 2x - 1.
    signal = schedule.signal
    left = variance * (1 - signal) / (signal * variance + 1 - signal)  # Of x̃ given x_t.
    rate = size * np.sum(schedule.weight * left * signal / (1 - signal))
    rate += 0.5 * size * signal[-1] * ((2 * MEAN - 1) ** 2 + variance - 1.0)
    rate -= 0.5 * size * np.log1p(-signal[-1])
    beta = schedule.beta[0]
    # A density of x̃ over cells of width 2/255.
    distortion = 0.5 * size * (np.log(2 * np.pi * beta) + left[0] / beta) + size * np.log(255 / 2)
    pixels = MEAN + SCALE * np.random.default_rng(0).standard_normal((500, 2, 2, 1))
    images = (np.round(255 * pixels) / 255).astype(np.float32)
    bound = np.float64(model.log_prob(images, num_samples=20))
    assert bound.mean() == pytest.approx(-rate - distortion, abs=5 * bound.std() / np.sqrt(500))
    exact = -0.5 * size * (np.log(2 * np.pi * SCALE**2) + 1) - size * np.log(255)
    assert bound.mean() < exact


@pytest.mark.parametrize("name", cover(["circle", "sphere", "torus"], ["sphere", "torus"]))
def test_the_exact_denoiser_of_spheres_lands_on_them(name):
    rendering = rendering_of(name, (8, 8))
    denoise = exact_denoiser(rendering, 3 if name == "sphere" else 2)
    model = known(make_model((8, 8, 1), num_steps=100), denoise)
    samples = model.sample(60, seed=1).numpy()
    assert rendering.off_manifold(samples).max() < 0.06
    # On all of it.
    points = rendering.read(samples)[0]
    assert np.linalg.norm(points.mean(axis=0)) < 0.4


@uncompiled
@pytest.mark.parametrize(("name", "dimension"), [("circle", 2), ("sphere", 3)])
def test_a_networks_excess_over_the_exact_denoiser_is_its_distance_from_it(name, dimension):
    rendering = rendering_of(name, (8, 8))
    points = rendering.manifold.draw(3000, np.random.default_rng(0))
    images, denoise = rendering.render(points), exact_denoiser(rendering, dimension)
    model = make_model((8, 8, 1), num_steps=100)
    # A network that is wrong in a way of its own, for at first it says 0.
    object.__setattr__(model, "predict_noise", lambda noised, steps: 0.9 * noised)
    found, exact, excess = errors_beside(model, denoise, images)
    spread = (found - exact - excess).std() / np.sqrt(3000)
    assert (found - exact).mean() == pytest.approx(excess.mean(), abs=4 * spread)
    assert excess.mean() > 20 * spread
    found, exact, excess = errors_beside(known(model, denoise), denoise, images)
    np.testing.assert_array_equal(found, exact)
    assert excess.max() == 0.0


# === The network ===


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, *SHAPE)).astype(np.float32)


@uncompiled
def test_at_first_no_noise_is_predicted_and_its_error_is_one(images):
    model = make_model()
    record = model.infer(np.repeat(images, 20, axis=0), seed=0)
    assert np.mean(record.measures["denoising_error"]) == pytest.approx(1.0, abs=0.1)
    assert record.rate.shape == record.distortion.shape == (120,)
    again = model.infer(np.repeat(images, 20, axis=0), seed=0)
    np.testing.assert_array_equal(again.rate, record.rate)


@uncompiled
def test_log_prob_is_minus_the_mean_of_rate_and_distortion(images):
    model = make_model()
    many = np.repeat(images[:1], 600, axis=0)
    record = model.infer(many, seed=3)
    costs = np.float64(record.rate + record.distortion)
    bound = np.float64(model.log_prob(many[:200], num_samples=3, seed=1)).mean()
    assert bound == pytest.approx(-costs.mean(), abs=5 * costs.std() / np.sqrt(600))


def test_a_rows_sample_depends_on_its_seed_alone():
    model = make_model(num_steps=5, filters=(4,))
    samples = model.sample(3, seed=(7, 0))
    alone = model.sample_rows(tf.constant([[7, 2]]))
    np.testing.assert_allclose(alone[0], samples[2], atol=1e-6)
    still = model.sample(2, seed=0, temperature=0.0)
    np.testing.assert_allclose(still[0], still[1], atol=1e-6)


def test_reconstruct_is_nearer_the_less_noise_it_begins_with(images):
    model = make_model()
    errors = [
        np.mean((model.reconstruct(images, seed=0, noise_level=level) - images) ** 2)
        for level in (0.0, 0.2, 1.0)
    ]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 0.05


@uncompiled
@pytest.mark.parametrize("objective", cover([zoo.ELBO, zoo.SimpleDiffusion], [zoo.SimpleDiffusion]))
def test_it_trains_is_saved_and_ends_with_averaged_weights(objective, images, tmp_path):
    model = make_model(num_steps=3, filters=(4,))
    optimizer = keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, objective=objective(), run_eagerly=True)
    before = model.get_weights()
    logs = model.fit(images, batch_size=3, verbose=0, validation_data=(images,)).history
    assert {"denoising_error", "rate", "distortion", "val_rate"} <= set(logs)
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    for weight, average in zip(
        model.trainable_weights, optimizer._model_variables_moving_average, strict=True
    ):
        np.testing.assert_array_equal(weight, average)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.sample(2, seed=0), model.sample(2, seed=0), atol=1e-6)


@thorough
def test_it_is_exported_with_a_sampler(tmp_path):
    model = make_model(num_steps=3, filters=(4,))
    model.export(tmp_path / "1")
    served = tf.saved_model.load(tmp_path / "1").signatures["sample"]
    seeds, temperature = tf.constant([[3, 0], [3, 1]]), tf.ones([2])
    answer = served(seed=seeds, temperature=temperature)["image"]
    np.testing.assert_allclose(answer, model.sample(2, seed=3), atol=1e-5)


# === What it refuses ===


def test_encoding_is_refused_by_name(images):
    with pytest.raises(BatchError, match="Diffusion has no encoder"):
        make_model().encode(images)


@pytest.mark.parametrize(
    "objective", [zoo.InfoVAE, lambda: zoo.GECO(zoo.constraints.ReconstructionError(0.1))]
)
def test_objectives_that_move_the_posterior_are_refused(objective):
    with pytest.raises(ValueError, match="no weights of its own"):
        make_model().compile(objective=objective())


def test_simple_diffusion_trains_nothing_else():
    with pytest.raises(ValueError, match=r"trains zoo.Diffusion alone"):
        zoo.ConvVAE((4, 4, 1), 2, (4,), 4).compile(objective=zoo.SimpleDiffusion())

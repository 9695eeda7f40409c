"""`zoo.Diffusion` by denoisers that are known exactly, and as a model of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.tiers import cover, thorough
from training.datasets.topology import rendering_of
from zoo.errors import BatchError

SHAPE = (4, 4, 1)
MEAN, SCALE = 0.6, 0.05  # Of normal pixels, in pixel units.

pytestmark = pytest.mark.usefixtures("uncompiled")


def make_model(shape=SHAPE, num_steps=20, **kwargs):
    return zoo.Diffusion(shape, num_steps=num_steps, filters=(4, 8), num_blocks=1, **kwargs)


def known(model, denoise):
    """Gives a model the noise that follows from E[x̃_0 | x_t] = denoise(x_t, ā_t)."""

    def predict_noise(noised, steps, training=False):
        signal = model._at(model.schedule.signal, steps)
        return (noised - signal**0.5 * denoise(noised, signal)) / (1.0 - signal) ** 0.5

    object.__setattr__(model, "predict_noise", predict_noise)
    return model


def of_normal_pixels(num_steps=50):
    mean, variance = 2 * MEAN - 1, (2 * SCALE) ** 2

    def denoise(noised, signal):
        gain = signal**0.5 * variance / (signal * variance + 1 - signal)
        return mean + gain * (noised - signal**0.5 * mean)

    return known(make_model((2, 2, 1), num_steps), denoise)


# === Exact denoisers ===


def test_samples_of_normal_pixels_follow_the_law_of_the_chain():
    model = of_normal_pixels()
    schedule, target = model.schedule, (2 * SCALE) ** 2
    mean, variance = 0.0, 1.0  # Of x_T.
    for t in range(50, 0, -1):
        signal, a, beta = (values[t - 1] for values in (schedule.signal, schedule.a, schedule.beta))
        gain = np.sqrt(signal) * target / (signal * target + 1 - signal)
        # x_{t-1} is affine in x_t: slope and offset.
        share = beta / (1 - signal)
        slope = (1 - share * (1 - np.sqrt(signal) * gain)) / np.sqrt(a)
        offset = (
            share * np.sqrt(signal) * (1 - gain * np.sqrt(signal)) / np.sqrt(a) * (2 * MEAN - 1)
        )
        noise = schedule.posterior[t - 1] if t > 1 else 0.0
        mean, variance = slope * mean + offset, slope**2 * variance + noise
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
    basis = tf.constant(rendering.basis, tf.float32)
    radius = 2 * rendering.scale  # In x̃ = 2x - 1.
    dimension = 3 if name == "sphere" else 2  # Of the space of each: a torus is two circles.

    def denoise(noised, signal):
        flat = tf.matmul(tf.reshape(noised, [-1, 64]), basis, transpose_b=True)
        weights = tf.reshape(flat, [tf.shape(noised)[0], -1, dimension])
        size = tf.norm(weights, axis=2, keepdims=True)
        level = signal[:, :, :, 0]
        kappa = level**0.5 * radius * size / (1 - level)
        if dimension == 2:
            length = tf.math.bessel_i1e(kappa) / tf.math.bessel_i0e(kappa)
        else:
            length = 1 / tf.tanh(kappa) - 1 / kappa
        means = tf.reshape(radius * length * weights / size, tf.shape(flat))
        return tf.reshape(tf.matmul(means, basis), tf.shape(noised))

    model = known(make_model((8, 8, 1), num_steps=100), denoise)
    samples = model.sample(60, seed=1).numpy()
    assert rendering.off_manifold(samples).max() < 0.06
    # On all of it.
    points = rendering.read(samples)[0]
    assert np.linalg.norm(points.mean(axis=0)) < 0.4


# === The network ===


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, *SHAPE)).astype(np.float32)


def test_at_first_no_noise_is_predicted_and_its_error_is_one(images):
    model = make_model()
    record = model.infer(np.repeat(images, 20, axis=0), seed=0)
    assert np.mean(record.measures["denoising_error"]) == pytest.approx(1.0, abs=0.1)
    assert record.rate.shape == record.distortion.shape == (120,)
    again = model.infer(np.repeat(images, 20, axis=0), seed=0)
    np.testing.assert_array_equal(again.rate, record.rate)


def test_log_prob_is_minus_the_mean_of_rate_and_distortion(images):
    model = make_model()
    many = np.repeat(images[:1], 600, axis=0)
    record = model.infer(many, seed=3)
    costs = np.float64(record.rate + record.distortion)
    bound = np.float64(model.log_prob(many[:30], num_samples=20, seed=1)).mean()
    assert bound == pytest.approx(-costs.mean(), abs=5 * costs.std() / np.sqrt(600))


def test_a_rows_sample_depends_on_its_seed_alone():
    model = make_model(num_steps=5)
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


@pytest.mark.parametrize("objective", cover([zoo.ELBO, zoo.SimpleDiffusion], [zoo.SimpleDiffusion]))
def test_it_trains_is_saved_and_ends_with_averaged_weights(objective, images, tmp_path):
    model = make_model(num_steps=5)
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
    model = make_model(num_steps=3)
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

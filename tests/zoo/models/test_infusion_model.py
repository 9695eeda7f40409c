import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import zoo
from tests.contract import assert_close, assert_same_state
from zoo import random

SHAPE = (8, 8, 2)
SMALL = {"filters": (4, 8), "hidden_units": 8, "initial_rate": 0.1, "rate_increment": 0.25}
pytestmark = pytest.mark.usefixtures("uncompiled")


def make(num_steps=3, image_shape=SHAPE, **changes):
    return zoo.InfusionModel(image_shape, num_steps=num_steps, **(SMALL | changes))


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, *SHAPE), np.float32)


def row_noise(num, seed=0):
    return random.RowNoise(random.row_seeds(seed, num))


# === The chain ===


def test_share_of_pixels_taken_from_the_data_grows_as_scheduled():
    model = make(image_shape=(32, 32, 2))
    drawing, data = tf.zeros([8, 32, 32, 2]), tf.ones([8, 32, 32, 2])
    for step, expected in enumerate((0.1, 0.35, 0.6)):
        assert model.infusion_rate(step) == pytest.approx(expected)
        mixture = model.infuse(drawing, data, step, row_noise(8)).numpy()
        assert set(np.unique(mixture)) == {0.0, 1.0}
        np.testing.assert_array_equal(mixture[..., 0], mixture[..., 1], "all channels of a pixel")
        share, num = mixture[..., 0].mean(), mixture[..., 0].size
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / num)
    assert model.infusion_rate(-1) == model.infusion_rate(2)


def test_step_mixes_its_proposal_with_the_image_before(model, images):
    outputs, gate = model.generators[0](image=images, step=1)
    outputs = 1.0 / (1.0 + np.exp(-np.float64(outputs)))
    mean = gate * outputs[..., :2] + (1.0 - gate) * images
    variance = 1e-4 + 0.1 * outputs[..., 2:]
    transition = model.transition(images, step=1)
    assert_close(transition.mean(), mean)
    assert_close(transition.variance(), variance)


def test_chain_draws_from_each_transition_and_then_infuses(model, images):
    chain = model.chain(row_noise(4, seed=5), tf.constant(images), temperature=0.5)
    noise = row_noise(4, seed=5)
    current = noise.uniform(SHAPE, stream=0)
    assert 0.0 < np.min(current) < np.max(current) < 1.0
    for step, transition in enumerate(chain):
        taken = np.asarray(noise.uniform([8, 8, 1], stream=2 * step + 1)) < 0.1 + 0.25 * step
        mixture = np.where(taken, images, current)
        assert_close(transition.mean(), model.transition(mixture, step).mean())
        drawn = noise.normal(SHAPE, stream=2 * step + 2)
        current = transition.mean() + 0.5 * transition.stddev() * drawn


def test_no_gradient_flows_between_steps(images):
    model = make(share_weights=False)
    with tf.GradientTape(persistent=True) as tape:
        last = model.chain(row_noise(4), tf.constant(images))[-1].log_prob(images)
    own, earlier = (tape.gradient(last, model.generators[t].top.kernel.value) for t in (2, 1))
    assert np.abs(own).max() > 0
    assert earlier is None


def test_without_infusion_training_runs_the_chain_that_samples(images):
    model = make(initial_rate=0.0, rate_increment=0.0)
    assert_close(model.reconstruct(images, seed=2), model.sample(4, seed=2), 0.0)


def test_infused_to_the_full_the_data_is_the_input(images):
    model = make(initial_rate=1.0, rate_increment=0.0)
    expected = [model.transition(images, step).mean() for step in range(3)]
    assert_close(model.reconstruct(images, return_chain=True), tf.stack(expected), 0.0)


# === Noise ===


def test_seed_decides_samples_row_by_row(model):
    samples = model.sample(4, seed=3)
    assert_close(model.sample(4, seed=3), samples, 0.0)
    assert np.abs(model.sample(4, seed=4) - samples).max(axis=(1, 2, 3)).min() > 1e-3
    assert_close(model.sample_rows(tf.constant([[3, 2]])), samples[2:3])
    chain = model.sample(4, seed=3, return_chain=True)
    assert chain.shape == (3, 4, *SHAPE)
    assert_close(chain[-1], samples)
    compiled = tf.function(lambda: model.sample(4, seed=3), autograph=False)
    assert_close(compiled(), samples)


def test_reconstructions_are_those_of_the_seed(model, images):
    assert_close(model(images), model.reconstruct(images, seed=0), 0.0)
    levels = np.round(255 * images).astype(np.uint8)
    assert_close(model(levels), model(levels / np.float32(255)))
    assert_close(model.predict(images, batch_size=3, verbose=0), model.reconstruct(images))
    difference = model.reconstruct(images, seed=0) - model.reconstruct(images, seed=1)
    assert np.abs(difference).max() > 1e-3


# === Training ===


def test_loss_weighs_later_steps_more(model, images):
    model.compile("adam", seed=7, run_eagerly=True)
    logs = model.evaluate(images, batch_size=4, return_dict=True, verbose=0)
    seed = random.derive(random.derive(random.as_seed(7), 1), tf.constant(0))
    chain = model.chain(random.StepNoise(seed, 4), tf.constant(images))
    distortions = [
        -scipy.stats.norm(np.float64(p.mean()), np.float64(p.stddev())).logpdf(images).sum() / 4
        for p in chain
    ]
    expected = (distortions[0] + 2 * distortions[1] + 3 * distortions[2]) / 3
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["distortion"] == pytest.approx(distortions[2], rel=1e-5)
    errors = np.float64(chain[-1].mean()) - images
    assert logs["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-5)
    assert model.evaluate(images, return_dict=True, verbose=0) == logs


@pytest.fixture(scope="module")
def trained(images):
    """A model trained on two flat images, and its losses before and after."""
    keras.utils.set_random_seed(0)
    model = make(num_steps=2)
    model.compile(keras.optimizers.Adam(1e-2), seed=1)
    flat = np.ones((16, *SHAPE), np.float32) * np.resize([0.2, 0.8], (16, 1, 1, 1))
    flat = flat.astype(np.float32)
    before = model.evaluate(flat, return_dict=True, verbose=0)["loss"]
    model.fit(flat, batch_size=16, epochs=40, verbose=0)
    return model, before, model.evaluate(flat, return_dict=True, verbose=0)["loss"]


def test_training_lowers_the_loss_and_samples_leave_the_noise(trained):
    model, before, after = trained
    assert after < before - 50.0
    chain = model.sample(16, seed=0, return_chain=True).numpy()
    spread = chain.std(axis=(2, 3, 4)).mean(axis=1)  # Of uniform noise: 0.29.
    assert spread[-1] < 0.1


def test_training_repeats_itself(images):
    states = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = make(num_steps=2)
        model.compile("adam", seed=1, run_eagerly=True)
        model.fit(images, batch_size=2, shuffle=False, verbose=0)
        states.append({w.path: np.asarray(w) for w in model.weights})
    assert_same_state(*states)


def test_saved_model_goes_on_as_the_model_would(trained, images, tmp_path):
    model, *_ = trained
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    assert loaded.optimizer.iterations == model.optimizer.iterations
    assert_close(loaded.sample(2, seed=0), model.sample(2, seed=0), 0.0)
    loaded.run_eagerly = True
    for each in (model, loaded):
        each.fit(images, batch_size=4, verbose=0)
    assert_close(loaded.get_weights(), model.get_weights())


@pytest.mark.usefixtures("unchecked")
def test_exported_model_samples(trained, tmp_path):
    model, *_ = trained
    path = str(tmp_path / "model" / "1")
    model.export(path)
    served = tf.saved_model.load(path).signatures["serving_default"]
    image = served(seed=tf.constant([[3, 1]]), temperature=tf.constant([0.5]))["image"]
    assert_close(image, model.sample(2, seed=3, temperature=0.5)[1:])
    loaded = zoo.load(path)
    assert_close(loaded.sample(2, seed=0), model.sample(2, seed=0))
    assert loaded.compiled


# === Bad input ===


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": (9, 8, 1)}, "divisible by 4, as 4, 8, 12"),
        ({"num_steps": 0}, "num_steps must be an int of at least 1"),
        ({"initial_rate": -0.1}, "initial_rate=-0.1"),
        ({"rate_increment": 0.5}, "so that it is 1.1 at step 3"),
        ({"rate_increment": -0.01}, "must not fall"),
        ({"initial_rate": float("nan")}, "initial_rate=nan"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_what_fit_cannot_use_is_named(model, images):
    for name in ("loss", "objective"):
        with pytest.raises(ValueError, match=f"leave out .*{name}"):
            model.compile("adam", **{name: "mse"})
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match="context"):
        model.fit({"image": images, "context": images}, verbose=0)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        model.fit(2.0 * images, verbose=0)


def test_a_saved_model_keeps_its_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        config = make().get_config()
    finally:
        keras.config.set_dtype_policy(before)
    model = zoo.InfusionModel.from_config(config)
    assert model.dtype_policy.name == "mixed_bfloat16"
    assert model.generators[0].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == before.name
    sample = model.sample(2, seed=0)
    assert sample.dtype == tf.float32
    with pytest.raises(ValueError, match="set it for all before making"):
        make(dtype="mixed_bfloat16")

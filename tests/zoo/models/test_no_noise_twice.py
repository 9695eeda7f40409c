"""No model draws a number twice: raw bits are watched as TensorFlow makes them."""

import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover
from zoo import random
from zoo.chains import annealed_log_weights, inverse_temperatures
from zoo.sampling import markov_chain

NUM = 2
DERIVED = 2**32  # The stream of derived seeds, which are no noise.


class Watch:
    """Stands before TensorFlow's Philox and remembers the key and the stream of each draw."""

    def __init__(self, make_bits):
        self._make_bits = make_bits
        self.forget()

    def forget(self):
        self._draws = []

    def __call__(self, shape, key, counter, **kwargs):
        position, stream = tf.bitcast(counter, tf.int64).numpy().tolist()
        if stream != DERIVED:
            assert position == 0
            self._draws.append((key.numpy().item(), stream))
        return self._make_bits(shape=shape, key=key, counter=counter, **kwargs)

    def check(self):
        """Something was drawn, and no stream of a key twice; forgets all."""
        draws = self._draws
        self.forget()
        assert draws
        assert len(set(draws)) == len(draws)


# The warning: functions of tf.data, which draw no noise of ours, are compiled all the same.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not apply to tf.data functions")


@pytest.fixture
def watch(monkeypatch):
    operation = "StatelessRandomUniformFullIntV2"
    watch = Watch(getattr(tf.raw_ops, operation))
    monkeypatch.setattr(tf.raw_ops, operation, watch)
    tf.config.run_functions_eagerly(True)
    yield watch
    tf.config.run_functions_eagerly(False)


def test_the_watch_sees_a_number_that_comes_twice(watch):
    for draws in (["normal", "normal"], ["normal", "uniform"]):
        for draw in draws:
            noise = random.RowNoise(random.row_seeds((3, 1), 2))
            getattr(noise, draw)([5], stream=1)
        with pytest.raises(AssertionError):
            watch.check()
    noise = random.RowNoise(random.row_seeds((3, 1), 2))
    noise.normal([5], stream=1), noise.uniform([5], stream=2), noise.fold(0).normal([5], stream=1)
    watch.check()


# A context has no part in what is drawn.
@pytest.mark.parametrize(
    "name", [*cover(contract.FULL_MODELS, contract.FIRST_MODELS), "ConvDRAW_global"]
)
def test_methods_draw_nothing_twice(name, images, watch):
    model, images = contract.make_model(name), images[:NUM]
    given = contract.context_of(model, images)
    for draw in (
        lambda: model.infer(images, seed=2, training=True, **given),
        lambda: model.reconstruct(images, seed=2, **given),
        lambda: model.sample(NUM, seed=2, **given),
        lambda: model.sample_prior(NUM, seed=2, **given),
        lambda: model.log_prob(images, num_samples=3, seed=2, **given),
        lambda: markov_chain(model, 2, images, seed=2, **given),
    ):
        draw()
        watch.check()


def test_annealing_from_draws_of_the_prior_draws_nothing_twice(watch):
    """As annealed importance sampling walks: by the noise that the latents were drawn with."""
    model = contract.make_model("ConvDRAW_global")
    noise = random.RowNoise(random.row_seeds(2, NUM))
    latents, _ = model.generate(noise, tf.ones(NUM))

    def log_densities(latents):
        log_prior = model.log_prior(latents)
        return log_prior, tf.zeros_like(log_prior)

    annealed_log_weights(log_densities, latents, noise, inverse_temperatures(1))
    watch.check()


PAIRS = contract.covering_pairs(
    contract.FULL_MODELS, [name for name in contract.OBJECTIVES if "InfoVAE" in name]
)
COVERING = [("ConvVAE", "GECO"), ("SequentialVAE", "GECO"), ("ConvVAE", "InfoVAE_Stein")]


@pytest.mark.parametrize("names", cover(PAIRS, COVERING), ids="-".join)
def test_fit_and_evaluate_draw_nothing_twice(names, images, watch):
    model = contract.make_compiled(*names, run_eagerly=True)
    watch.forget()  # what `compile` drew to see shapes
    batches = contract.batch_of(model, images[: 2 * NUM])
    model.fit(batches, batch_size=NUM, verbose=0)
    model.evaluate(batches, batch_size=NUM, verbose=0)
    watch.check()


def test_an_infusion_model_draws_nothing_twice(images, watch):
    model = zoo.InfusionModel(contract.IMAGE_SHAPE, num_steps=3, filters=(4,), hidden_units=6)
    model.compile("adam", seed=7, run_eagerly=True)
    for draw in (
        lambda: model.sample(NUM, seed=2),
        lambda: model.reconstruct(images[:NUM], seed=2),
        lambda: model.fit(images[: 2 * NUM], batch_size=NUM, verbose=0),
    ):
        draw()
        watch.check()


def test_a_diffusion_draws_nothing_twice(images, watch):
    model = contract.make_compiled("Diffusion", run_eagerly=True)
    for draw in (
        lambda: model.sample(NUM, seed=2),
        lambda: model.reconstruct(images[:NUM], seed=2),
        lambda: model.log_prob(images[:NUM], num_samples=3, seed=2),
        lambda: model.infer(images[:NUM], seed=2),
    ):
        draw()
        watch.check()

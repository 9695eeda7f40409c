"""What Keras's guides promise of a model holds of the zoo's."""

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from tests.tiers import cover


class Counting(zoo.ConvVAE):
    """Tracks a metric of its own, as Keras's guide to custom training steps shows."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.count = keras.metrics.Sum(name="count")

    def train_step(self, data):
        logs = super().train_step(data)
        self.count.update_state(1.0)
        return logs | {"count": self.count.result()}


def test_metrics_of_a_subclass_are_reset_between_epochs(images):
    model = Counting(contract.IMAGE_SHAPE, latent_dim=2, filters=(2,), hidden_units=4)
    model.compile(run_eagerly=True)
    history = model.fit(images, batch_size=4, epochs=2, verbose=0).history
    assert history["count"] == [2, 2]
    assert [m.name for m in model.metrics] == ["loss", "rate", "distortion", "rmse", "count"]


class Worse(keras.callbacks.Callback):
    """Logs a measure that is best after the first epoch; keeps the state of each."""

    def __init__(self):
        super().__init__()
        self.states = []

    def on_epoch_end(self, epoch, logs=None):
        logs["worse"] = epoch
        objective = [v.numpy() for v in self.model.objective.weights]
        self.states.append([*self.model.get_weights(), *objective])


def test_early_stopping_brings_back_the_multipliers_with_the_weights(images):
    model = contract.make_compiled(contract.SMALLEST, "GECO", run_eagerly=True)
    worse = Worse()
    stop = keras.callbacks.EarlyStopping("worse", mode="min", patience=1, restore_best_weights=True)
    model.fit(images, batch_size=8, epochs=4, verbose=0, callbacks=[worse, stop])
    best, last = worse.states
    assert not any(map(np.array_equal, best[-3:], last[-3:]))
    found = [*model.get_weights(), *(v.numpy() for v in model.objective.weights)]
    assert all(map(np.array_equal, found, best))


# === Noise ===


def standing(optimizer):
    """A model whose loss differs between steps by the noise alone."""
    model = contract.make_model(contract.SMALLEST)
    model.compile(optimizer, objective=zoo.ELBO(beta=0.5), seed=1, run_eagerly=True)
    model.likelihood.decay = 1.0
    model.likelihood.is_observed.assign(1.0)
    return model


class Uncounted(keras.optimizers.SGD):
    """Skips every update, as a loss-scaling optimiser does where gradients overflow."""

    def apply(self, grads, trainable_variables=None):
        pass


@pytest.mark.parametrize("kind", cover([keras.optimizers.SGD, Uncounted], [Uncounted]))
def test_noise_is_fresh_in_every_step_whatever_the_optimizer_counts(kind, images):
    model = standing(kind(0.0))
    losses = []
    for _ in range(3):
        losses.append(model.train_on_batch(images)[0])
        model.optimizer.iterations.assign(0)
    assert len(set(losses)) == 3
    other = standing(keras.optimizers.SGD(0.0))
    assert [other.train_on_batch(images)[0] for _ in range(3)] == losses


def test_the_number_of_the_step_is_saved(images, tmp_path):
    model = standing(Uncounted(0.0))
    model.train_on_batch(images)
    model.save_weights(tmp_path / "model.weights.h5")
    copy = standing(Uncounted(0.0))
    copy.load_weights(tmp_path / "model.weights.h5")
    assert copy.train_on_batch(images)[0] == model.train_on_batch(images)[0]


def test_files_without_the_number_of_the_step_go_on_at_the_optimizers(images, tmp_path):
    model = standing(keras.optimizers.SGD(0.0))
    losses = [model.train_on_batch(images)[0] for _ in range(2)]
    path = tmp_path / "model.weights.h5"
    fresh = standing(keras.optimizers.SGD(0.0))
    fresh.train_on_batch(images)
    object.__delattr__(fresh, "_step_count")
    fresh.save_weights(path)
    fresh = standing(keras.optimizers.SGD(0.0))
    fresh.load_weights(path)
    assert fresh.train_on_batch(images)[0] == losses[1]


# === Keras's configuration ===


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", contract.FULL_MODELS)
def test_images_have_their_channels_last_whatever_keras_is_told(name, images):
    given = contract.context_of(contract.MODELS[name](), images)
    rates = []
    for layout in ("channels_last", "channels_first"):
        keras.config.set_image_data_format(layout)
        try:
            rates.append(contract.make_model(name).infer(images, seed=0, **given).rate)
        finally:
            keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(*rates)

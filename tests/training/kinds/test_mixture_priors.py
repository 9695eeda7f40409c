"""A run fits a mixture prior halfway, and says what the prior is."""

import copy
import types

import numpy as np
import pytest

from tests.training.tiny import make_model, tiny_recipe
from training import datasets, kinds
from training.kinds.fit_prior import FitPrior
from training.runs import run
from zoo.errors import UsageError


def mixture_recipe(**values):
    settings = copy.deepcopy(tiny_recipe(**values).to_dict())
    settings["architecture"]["arguments"]["prior"] = {
        "class_name": "MixturePrior",
        "arguments": {"num_components": 2},
    }
    return tiny_recipe(**settings)


def test_the_prior_is_fitted_when_half_of_the_epochs_are_done(uncompiled):
    recipe = mixture_recipe()
    data = datasets.load_for(recipe)
    model = make_model(recipe, data.image_shape)
    callback = FitPrior(data, num_components=2, num_epochs=3)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert not np.any(model.prior.loc)
    callback.on_epoch_begin(1)
    fitted = np.array(model.prior.loc)
    assert np.all(fitted[0] != fitted[1])
    callback.on_epoch_begin(2)
    np.testing.assert_array_equal(model.prior.loc, fitted)


def test_a_run_has_the_callback(tmp_path, uncompiled, monkeypatch):
    """Once in a run of two epochs, before the second."""
    epochs = []
    monkeypatch.setattr(
        FitPrior, "on_epoch_begin", lambda self, epoch, logs=None: epochs.append(self._epoch)
    )
    recipe = mixture_recipe(steps=2, steps_per_epoch=1)
    run.train(recipe, tmp_path / "run", verbose=0, results=False)
    assert epochs == [1, 1]


def test_the_card_says_what_the_prior_is():
    recipe = mixture_recipe()
    data = datasets.load_for(recipe)
    rows = kinds.of_recipe(recipe).training_rows(recipe, data)
    assert rows["prior"].startswith("a mixture of 2 normals with full covariances")


def test_too_few_images_are_refused_before_the_training():
    data = types.SimpleNamespace(name="few", num_examples={"train": 19})
    message = "components, 20, received 19 of few: give more images"
    with pytest.raises(UsageError, match=message):
        FitPrior(data, num_components=20, num_epochs=4)

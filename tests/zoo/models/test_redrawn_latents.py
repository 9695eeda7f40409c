"""Some groups of latents stay, the prior draws the others anew."""

import numpy as np
import pytest

import zoo
from tests import contract
from tests.contract import assert_close
from zoo import random
from zoo.errors import SettingError

pytestmark = pytest.mark.usefixtures("uncompiled")
# By model: the places of the groups in the order in which the prior draws them.
ORDER = {
    "ConvDRAW": [0, 1],
    "ConvDRAW_conditional_range": [0, 1],
    "EnergyVAE": [1, 0],
    "ShortRunModel": [1, 0],
}


@pytest.mark.parametrize("name", ORDER)
def test_the_first_groups_stay_and_the_others_are_drawn_anew(name, images):
    model = contract.make_model(name)
    given = contract.context_of(model, images)
    latents = model.encode(images, seed=0, **given)
    first, second = ORDER[name]
    redrawn = model.redraw(latents, 1, seed=1, **given)
    assert_close(redrawn[first], latents[first])
    assert np.abs(redrawn[second] - latents[second]).max() > 0.1
    assert_close(model.redraw(latents, 2, seed=1, **given), latents)
    # Equal seeds, equal rows, whatever the batch; others, other draws.
    one = {key: value[2:3] for key, value in given.items()}
    alone = model.redraw([group[2:3] for group in latents], 1, seed=(1, 2), **one)
    assert_close(alone, [group[2:3] for group in redrawn])
    other = model.redraw(latents, 1, seed=2, **given)
    assert np.abs(other[second] - redrawn[second]).max() > 0.1


@pytest.mark.parametrize("name", ["ConvDRAW", "ConvDRAW_global", "ShortRunModel"])
def test_a_draw_of_the_prior_is_redrawn_as_it_was_by_its_own_seed(name):
    model = contract.make_model(name)
    latents = model.sample_prior(3, seed=4, temperature=0.8)
    assert_close(model.redraw(latents, 1, seed=4, temperature=0.8), latents)


def test_a_layer_is_drawn_as_the_network_above_says(images):
    model = contract.make_model("EnergyVAE")
    latents = model.encode(images, seed=0)
    below, _ = model.redraw(latents, 1, seed=1, temperature=0.5)
    mean, log_scale = np.split(np.asarray(model.top_down[0](latents[1])), 2, axis=1)
    noise = random.RowNoise(random.row_seeds(1, len(images))).normal([below.shape[1]], stream=0)
    normal = zoo.distributions.normals.normal_from_parameters(
        np.concatenate([mean, log_scale], axis=1)
    )
    assert_close(below, normal.loc + 0.5 * normal.scale * noise)


@pytest.mark.parametrize("num_kept", [0, 3, 1.0, True])
def test_a_number_of_groups_that_there_is_not_is_refused(num_kept, images):
    model = contract.make_model("ShortRunModel")
    with pytest.raises(SettingError, match="num_kept must be an int from 1 to 2"):
        model.redraw(model.encode(images), num_kept)

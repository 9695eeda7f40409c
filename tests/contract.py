"""What the contract tests run over: the examples that registered classes bring of themselves.

`test_contract*.py` in tests/zoo/models hold the tests. A class is in the contract as soon as its
module is imported; see `zoo.registry` for what it brings.
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo.models  # noqa: F401  Registers every class that a model can be made of.
from tests.tiers import cover
from zoo import constraints, random, registry
from zoo.base.frozen import freeze, frozen_layers

IMAGE_SHAPE = (4, 8, 2)
# Makers by name: "Class" is the class's first example, "Class_variant" another one.
MODELS = registry.examples("architecture", IMAGE_SHAPE)
OBJECTIVES = registry.examples("objective", IMAGE_SHAPE)
# The smallest model runs with every objective.
SMALLEST = "ConvVAE"
# But for those that train one architecture alone.
ONLY_MODELS = {"SimpleDiffusion": "Diffusion"}


def class_of(model_name):
    """Returns the class of an example of an architecture."""
    return registry.find("architecture", model_name.partition("_")[0])


def first_examples(makers):
    """Names of the first example of each class, on which the contract is tried in full."""
    firsts = {}
    for name in makers:
        firsts.setdefault(name.partition("_")[0], name)
    return list(firsts.values())


FIRST_MODELS, FIRST_OBJECTIVES = first_examples(MODELS), first_examples(OBJECTIVES)
# Those whose rate is taken at a draw, a path or a step, and varies much between draws.
NOISY_MODELS = ["Diffusion", "EnergyVAE", "ShortRunModel"]
# How alike steps on other ways are, of the largest magnitude: group normalisation has gradients
# that are sums of what nearly cancels.
STEP_TOLERANCES = {"Diffusion": 1e-4}
# Those that only draw have no methods of latents.
ENCODERS = [name for name in MODELS if class_of(name).has_encoder]
FIRST_ENCODERS = [name for name in FIRST_MODELS if name in ENCODERS]
# Those whose every method and signature is tried.
FULL_MODELS = [name for name in ENCODERS if name in FIRST_MODELS or name.endswith("_conditional")]
# Models and the objective for a range of tolerances go with each other alone; what is theirs is
# tried in test_any_tolerance.
RANGE_MODELS = [name for name in MODELS if name.endswith("_range")]
RANGE_OBJECTIVE = "GECO_range"


@functools.cache
def default_objective(model_name):
    """The objective that a model is tried with in full: GECO, unless GECO refuses the model."""
    if model_name in RANGE_MODELS:
        return RANGE_OBJECTIVE
    try:
        OBJECTIVES["GECO"]().check(MODELS[model_name](), keras.optimizers.Adam())
    except ValueError:
        return "ELBO"
    return "GECO"


def covering_pairs(models, objectives):
    """Each of the models with its default objective, each of the objectives with the smallest."""
    pairs = [(model, default_objective(model)) for model in models]
    others = [(ONLY_MODELS.get(objective, SMALLEST), objective) for objective in objectives]
    return pairs + [pair for pair in others if pair not in pairs]


def full_pairs():
    """Pairs that pass all of the contract."""
    return covering_pairs(FIRST_MODELS, FIRST_OBJECTIVES)


def full(*models):
    """Parametrises a test over `full_pairs`: all of them always run, or those of these models."""
    pairs = cover(full_pairs(), covering_pairs(models, [])) if models else full_pairs()
    return pytest.mark.parametrize("names", pairs, ids="-".join)


def other_pairs():
    """The other pairs, as parameters; always each objective, and the variants that differ most."""
    pairs = [
        (model, objective)
        for model in MODELS
        for objective in OBJECTIVES
        if (model, objective) not in full_pairs()
        and (model in RANGE_MODELS) == (objective == RANGE_OBJECTIVE)
        # Not variants of both.
        and (model in [*FIRST_MODELS, *RANGE_MODELS] or objective in FIRST_OBJECTIVES)
    ]
    variants = ["ConvDRAW_conditional_range", "ConvVAE_own_networks"]
    return cover(pairs, [*covering_pairs(variants, OBJECTIVES), ("PixelVAE", "GECO")])


def make_model(name):
    """Builds a model and moves every weight off its initial value, so that none hides at 0.

    By a normal without its tails, which could throw a weight of a right model far out.
    """
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    frozen = frozen_layers(model)
    freeze(model, [])  # A frozen part's weights, too.
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        noise = np.clip(rng.standard_normal(weight.shape), -2.0, 2.0)
        moved = np.asarray(weight) + 0.2 * noise
        weight.assign(moved.astype(np.float32))
    freeze(model, frozen)
    if (energy := getattr(model, "energy", None)) is not None:
        # An energy as flat as this needs no annealing, which takes a second.
        noise = random.BatchNoise(random.as_seed(0), 1000)
        normal = [noise.normal(shape, stream=i) for i, shape in enumerate(energy.shapes)]
        energy.store_log_z(energy._of_noise(model._to_latents)(tuple(normal)))
    return model


def make_compiled(model_name, objective_name=None, optimizer=None, **kwargs):
    """Returns the model compiled with the objective; Adam unless an optimiser is given."""
    model = make_model(model_name)
    objective_name = objective_name or default_objective(model_name)
    optimizer = optimizer or keras.optimizers.Adam(1e-3)
    model.compile(optimizer, objective=OBJECTIVES[objective_name](), seed=5, **kwargs)
    return model


def context_of(model, images):
    """What the model takes beside images, as keyword arguments: a context made of each image."""
    return {} if model.context_shape is None else {"context": images[:, ::-1, :, :1]}


def batch_of(model, images):
    """Images as a batch for the model: with the contexts and labels that it needs, if any."""
    extras = context_of(model, images)
    named = getattr(model.objective, "constraints", [])
    if any(isinstance(c, constraints.ClassificationAccuracy) for c in named):
        extras["label"] = (images.mean(axis=(1, 2, 3)) > images.mean()).astype(np.int32)
    return {"image": images, **extras} if extras else images


def images_of(model, likelihood, seed=0):
    """The images that a model gives for p(x|z): the means, or draws with the seed."""
    noise = random.RowNoise(random.row_seeds(seed, likelihood.batch_shape[0]))
    return model.images_of(likelihood, noise)


def linear_optimizer():
    """An optimiser that does not magnify rounding, as Adam's division by gradients does."""
    return keras.optimizers.SGD(1e-3, momentum=0.9)


def train(model, images, num_steps, batch_size=4):
    """Trains on batches in the order of the images, round and round; returns the last loss."""
    data = tf.data.Dataset.from_tensor_slices(batch_of(model, images))
    data = data.batch(batch_size, drop_remainder=True)
    history = model.fit(data.repeat(), steps_per_epoch=num_steps, verbose=0)
    return history.history["loss"][-1]


def state_of(model):
    """All that training moves: weights, multipliers and averages, the optimiser's; by path."""
    variables = list(model.weights)
    if model.objective is not None:
        variables += [*model.objective.weights, *model.optimizer.variables]
        # A discriminator, say, has an optimiser of its own.
        for layer in model.objective._flatten_layers():
            variables += getattr(getattr(layer, "optimizer", None), "variables", [])
    # Numbered: a path holds the name of a model or an optimiser, which a copy may not share.
    return {f"{i} {v.path}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}


def assert_close(actual, expected, tolerance=1e-5):
    """Equal to `tolerance` of the largest magnitude, tensor by tensor."""
    actual, expected = tf.nest.flatten(actual), tf.nest.flatten(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert a.shape == e.shape
        assert np.isfinite(e).all()
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(np.abs(e).max(), 1e-30))


def assert_same_state(actual, expected, tolerance=0.0):
    """Two results of `state_of` show the same point of training."""
    assert len(actual) == len(expected)
    for (name, value), other in zip(actual.items(), expected.values(), strict=True):
        assert value.dtype == other.dtype, name
        largest = max(np.abs(np.float64(other)).max(), 1e-6)
        np.testing.assert_allclose(
            np.float64(value), other, rtol=0, atol=tolerance * largest, err_msg=name
        )

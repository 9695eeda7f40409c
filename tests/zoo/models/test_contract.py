"""The contract of every architecture: its methods, their shapes, their noise, their densities."""

import functools
import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests import contract
from tests.contract import assert_close, assert_same_state, batch_of, context_of, images_of
from tests.tiers import cover
from zoo import random, registry
from zoo.base.compiled import uncompiled

NUM = 8  # Images of the `images` fixture.
# A vector of latents, maps of them given a context, and a model without a mean.
COVERING = ["ConvVAE", "ConvDRAW_conditional", "PixelVAE"]


@pytest.fixture(scope="module")
def made():
    """Makes each model once, for its methods' graphs are built once then."""
    return functools.cache(contract.make_model)


@pytest.fixture(params=contract.FULL_MODELS)
def every_model(request, made, uncompiled):
    """For what always runs with all models, each of whose methods is called hardly twice."""
    return made(request.param)


@pytest.fixture(params=cover(contract.FULL_MODELS, COVERING), scope="module")
def model(request, made):
    return made(request.param)


def default_arguments(instance):
    """Names of the constructor's arguments that stand at their defaults."""
    parameters = inspect.signature(type(instance).__init__).parameters.values()
    config = instance.get_config()
    return {
        p.name
        for p in parameters
        if p.name in config and p.default in (config[p.name], as_tuple(config[p.name]))
    }


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_argument_is_tried_off_its_default(kind):
    untried = {}
    for make in registry.examples(kind, contract.IMAGE_SHAPE).values():
        instance = make()
        kind = type(instance).__name__
        untried[kind] = untried.get(kind, default_arguments(instance)) & default_arguments(instance)
    assert {kind: names for kind, names in untried.items() if names} == {}


def to_uint8(images):
    return np.round(255 * images).astype(np.uint8)


# === Shapes ===


def test_record_holds_float32_terms_of_each_example(every_model, images):
    model = every_model
    given = context_of(model, images)
    record = model.infer(images, labels=tf.range(NUM), seed=1, **given)
    for name in ("rate", "distortion", "log_posterior", "log_prior", "squared_error"):
        if name != "squared_error" or model.has_mean:
            term = getattr(record, name)
            assert (term.shape, term.dtype) == ((NUM,), tf.float32), name
            assert np.isfinite(term).all(), name
    assert record.images.shape == images.shape
    if model.has_mean:
        assert record.reconstruction.shape == images.shape
    assert all(z.shape[0] == NUM and z.dtype == tf.float32 for z in record.latents)
    assert record.likelihood.event_shape == images.shape[1:]
    assert record.labels.numpy().tolist() == list(range(NUM))


def test_encode_gives_a_tuple_of_latents_like_the_priors(model, images):
    given = context_of(model, images)
    latents = model.encode(images, **given)
    of_prior = model.sample_prior(NUM, seed=0, **given)
    assert isinstance(latents, tuple)
    assert [z.shape for z in latents] == [z.shape for z in of_prior]


def test_images_come_out_in_the_shape_they_went_in(model, images):
    given, batch = context_of(model, images), batch_of(model, images)
    outputs = {
        "reconstruct": model.reconstruct(images, **given),
        "predict": model.predict(batch, verbose=0),
        "call": model(batch),
        "decode": images_of(model, model.decode(model.encode(images, **given), **given)),
        "sample": model.sample(NUM, seed=0, **given),
    }
    for name, output in outputs.items():
        assert output.shape == images.shape, name
        assert np.isfinite(output).all(), name


def test_densities_have_one_number_an_image(model, images):
    given = context_of(model, images)
    latents = model.encode(images, seed=0, **given)
    for values in (
        model.log_prior(latents, **given),
        *([model.log_posterior(latents, images, **given)] if model.has_posterior_density else []),
        model.log_prob(images, num_samples=2, **given),
    ):
        assert (values.shape, values.dtype) == ((NUM,), tf.float32)
        assert np.isfinite(values).all()


# === What the methods say of each other ===


def test_a_missing_context_and_an_unwanted_one_are_refused(model, images):
    given = context_of(model, images)
    latents = model.encode(images, **given)
    wrong, message = ({}, "is conditional") if given else ({"context": images}, "takes no context")
    for method, arguments in {
        model.infer: (images,),
        model.sample: (NUM,),
        model.decode: (latents,),
        model.log_prior: (latents,),
        **({model.log_posterior: (latents, images)} if model.has_posterior_density else {}),
    }.items():
        with pytest.raises(ValueError, match=message):
            method(*arguments, **wrong)


def test_reconstruct_call_and_predict_decode_the_posterior_means(model, images):
    given, batch = context_of(model, images), batch_of(model, images)
    # Without a mean there is nothing to give but a draw.
    seed = None if model.has_mean else 0
    expected = images_of(model, model.decode(model.encode(images, seed=seed, **given), **given))
    assert_close(model.reconstruct(images, **given), expected)
    assert_close(model(images, **given), expected)
    assert_close(model({"image": images, **given}), expected)
    assert_close(model.predict(batch, batch_size=3, verbose=0), expected)


def test_reconstruct_and_encode_with_a_seed_are_those_of_the_record(model, images):
    given = context_of(model, images)
    record = model.infer(images, seed=(4, 2), **given)
    assert_close(model.encode(images, seed=(4, 2), **given), record.latents)
    expected = images_of(model, record.likelihood, seed=(4, 2))
    assert_close(model.reconstruct(images, seed=(4, 2), **given), expected)
    assert np.abs(record.latents[0] - model.encode(images, **given)[0]).max() > 0.01


def test_sample_decodes_the_samples_of_the_prior(model, images):
    given = context_of(model, images[:5])
    latents = model.sample_prior(5, seed=3, temperature=0.5, **given)
    expected = images_of(model, model.decode(latents, **given), seed=3)
    assert_close(model.sample(5, seed=3, temperature=0.5, **given), expected)


def test_temperature_zero_is_the_priors_mean_for_every_row(model, images):
    given = context_of(model, np.repeat(images[:1], 3, axis=0))
    # Pixels that are drawn differ all the same.
    method = model.sample if model.has_mean else model.sample_prior
    samples, others = (
        np.concatenate(tf.nest.flatten(method(3, seed=seed, temperature=0.0, **given)), axis=-1)
        for seed in (0, 1)
    )
    np.testing.assert_allclose(samples[1:], np.repeat(samples[:1], 2, axis=0), atol=1e-5)
    np.testing.assert_allclose(samples, others, atol=1e-5)


def test_temperature_can_be_one_a_row(model, images):
    given = context_of(model, images[:2])
    each = model.sample(2, seed=0, temperature=[0.5, 2.0], **given)
    assert_close(each[0], model.sample(2, seed=0, temperature=0.5, **given)[0])
    assert_close(each[1], model.sample(2, seed=0, temperature=2.0, **given)[1])


def test_densities_of_latents_are_those_of_the_record(every_model, images):
    model = every_model
    given = context_of(model, images)
    record = model.infer(images, seed=1, **given)
    assert_close(model.log_prior(record.latents, **given), record.log_prior)
    if model.has_posterior_density:
        assert_close(model.log_posterior(record.latents, images, **given), record.log_posterior)


def test_rate_is_the_mean_of_log_posterior_minus_log_prior(every_model, images):
    model = every_model
    draws = 4000
    repeated = tf.repeat(images[:1], draws, axis=0)
    record = model.infer(repeated, seed=0, **context_of(model, repeated))
    difference = np.asarray(record.log_posterior - record.log_prior - record.rate, np.float64)
    error = difference.std() / np.sqrt(draws)
    # A flow's rate is that very difference: both are 0.
    assert abs(difference.mean()) <= 5 * error
    assert error < 0.05 * np.mean(record.rate), "too few draws to tell"


def test_log_prob_with_one_sample_is_the_weight_of_one_draw(model, images):
    noise = random.RowNoise(random.row_seeds((3, 0), NUM)).fold(0)
    given = context_of(model, images)
    record = model.infer(images, seed=noise, **given)
    of_levels = model.likelihood.log_prob_of_levels(record.likelihood, record.images)
    expected = of_levels + record.log_prior - record.log_posterior
    assert_close(model.log_prob(images, num_samples=1, seed=3, **given), expected)


def test_log_prob_averages_probabilities_not_their_logarithms(model, images):
    noise = random.RowNoise(random.row_seeds((3, 0), NUM))
    given, weights = context_of(model, images), []
    for k in range(3):
        record = model.infer(images, seed=noise.fold(k), **given)
        of_levels = model.likelihood.log_prob_of_levels(record.likelihood, record.images)
        weights.append(np.float64(of_levels + record.log_prior - record.log_posterior))
    expected = np.logaddexp.reduce(weights) - np.log(3)
    assert_close(model.log_prob(images, num_samples=3, seed=3, **given), expected)


# === Noise ===


def test_same_seed_gives_the_same_and_another_seed_another(model, images):
    given, same = context_of(model, images), context_of(model, np.repeat(images[:1], 4, axis=0))
    assert_close(model.sample(4, seed=7, **same), model.sample(4, seed=7, **same), 0.0)
    rates = [model.infer(images, seed=7, **given).rate for _ in range(2)]
    assert_close(*rates, 0.0)
    difference = model.sample(4, seed=7, **same) - model.sample(4, seed=8, **same)
    assert np.abs(difference).max(axis=(1, 2, 3)).min() > 1e-3


def test_row_of_a_sample_can_be_drawn_by_itself(model, images):
    together = model.sample(4, seed=11, **context_of(model, images[:4]))
    for row in range(4):
        given = context_of(model, images[row : row + 1])
        alone = model.sample_rows(tf.constant([[11, row]]), **given)
        assert_close(alone[0], together[row])


def test_row_of_a_batch_does_not_depend_on_the_others(model, images):
    given = context_of(model, images)
    record = model.infer(images, seed=(2, 10), **given)
    log_prob = model.log_prob(images, num_samples=2, seed=(2, 10), **given)
    reconstructions = model.reconstruct(images, **given)
    for row in (0, 5):
        image = images[row : row + 1]
        own = context_of(model, image)
        alone = model.infer(image, seed=(2, 10 + row), **own)
        assert_close([z[0] for z in alone.latents], [z[row] for z in record.latents])
        for name in ("rate", "distortion", "log_posterior", "log_prior"):
            assert_close(getattr(alone, name)[0], getattr(record, name)[row])
        log_prob_alone = model.log_prob(image, num_samples=2, seed=(2, 10 + row), **own)
        assert_close(log_prob_alone[0], log_prob[row])
        seed = None if model.has_mean else (0, row)
        assert_close(model.reconstruct(image, seed=seed, **own)[0], reconstructions[row])


def whole_inference(model, images):
    given = context_of(model, images)
    record = model.infer(images, seed=3, **given)
    return {
        "latents": record.latents,
        "rate": record.rate,
        "distortion": record.distortion,
        "log_posterior": record.log_posterior,
        "log_prior": record.log_prior,
        "drawn": images_of(model, record.likelihood, seed=3),
        "reconstruct": model.reconstruct(images, **given),
        "sample": model.sample(4, seed=3, temperature=0.7, **context_of(model, images[:4])),
        "log_prob": model.log_prob(images, num_samples=2, seed=3, **given),
    }


def assert_as_operations_do(model, images, compiled=lambda function: function):
    def infer(x):
        return whole_inference(model, x)

    actual = compiled(infer)(tf.constant(images))
    with uncompiled():
        expected = infer(images)
    for name, value in expected.items():
        assert_close(actual[name], value), name


def test_methods_as_graphs_give_what_their_operations_do(model, images):
    # The methods by themselves are a graph each.
    assert_as_operations_do(model, images)


@pytest.mark.parametrize("name", cover(contract.FULL_MODELS, ["ConvVAE"]))
def test_methods_under_xla_give_what_their_operations_do(name, made, images):
    xla = functools.partial(tf.function, jit_compile=True, autograph=False)
    assert_as_operations_do(made(name), images, compiled=xla)


# === Side effects and precision ===


@pytest.mark.usefixtures("uncompiled")
@contract.full("ConvVAE")
def test_looking_at_a_model_changes_nothing_in_it(names, images):
    model = contract.make_compiled(*names, run_eagerly=True)
    contract.train(model, images, num_steps=1)
    before = contract.state_of(model)
    model.infer(images, seed=0)
    model.reconstruct(images)
    model.sample(2, seed=0)
    model.log_prob(images, num_samples=1)
    model.evaluate(images, verbose=0)
    model.predict(images, verbose=0)
    assert_same_state(contract.state_of(model), before)


@pytest.mark.usefixtures("mixed_bfloat16", "uncompiled")
@contract.full("ConvVAE")
def test_mixed_precision_keeps_terms_and_state_in_float32(names, images):
    model = contract.make_compiled(*names, run_eagerly=True)
    assert np.isfinite(contract.train(model, images, num_steps=2))
    record = model.infer(images, seed=1)
    densities = ("log_posterior", "log_prior") if model.has_encoder else ()
    for name in ("rate", "distortion", *densities):
        assert getattr(record, name).dtype == tf.float32
        assert np.isfinite(getattr(record, name)).all()
    drawn = images_of(model, record.likelihood) if model.has_encoder else model.sample(2, seed=0)
    assert drawn.dtype == tf.float32
    assert np.isfinite(drawn).all()
    assert {v.dtype for v in model.weights + model.objective.weights} == {"float32"}
    assert np.isfinite(model.log_prob(images, num_samples=2)).all()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", contract.FULL_MODELS)
def test_mixed_precision_is_near_full_precision(name, images, request):
    model = contract.make_model(name)
    given = context_of(model, images)
    full = model.infer(images, seed=1, **given)
    request.getfixturevalue("mixed_bfloat16")
    model = contract.make_model(name)
    assert "bfloat16" in {layer.compute_dtype for layer in model._flatten_layers()}
    mixed = model.infer(images, seed=1, **given)
    assert_close(mixed.distortion, full.distortion, 0.1)
    if model.has_mean:
        assert_close(mixed.reconstruction, full.reconstruction, 0.1)
    assert_close(mixed.rate, full.rate, 0.1)


@pytest.mark.usefixtures("uncompiled")
def test_uint8_images_are_divided_by_255_by_every_method(model, images):
    levels = to_uint8(images)
    floats = levels / np.float32(255)
    of_levels, of_floats = context_of(model, levels), context_of(model, floats)
    rate = model.infer(levels, seed=0, **of_levels).rate
    assert_close(rate, model.infer(np.float64(floats), seed=0, **of_floats).rate)
    assert_close(model(levels, **of_levels), model(floats, **of_floats))
    latents = model.encode(levels, **of_levels)
    if model.has_posterior_density:
        log_posterior = model.log_posterior(latents, levels, **of_levels)
        assert_close(log_posterior, model.log_posterior(latents, floats, **of_floats))
    decoded = [images_of(model, model.decode(latents, **given)) for given in (of_levels, of_floats)]
    assert_close(*decoded)
    assert_close(model.log_prior(latents, **of_levels), model.log_prior(latents, **of_floats))

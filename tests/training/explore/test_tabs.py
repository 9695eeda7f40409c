"""What the tabs of `vae-zoo explore` show, without a browser."""

import io
import re

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.training.explore.models import RANGE, any_tolerance_model, masked_model
from tests.training.tiny import conditional_recipe, make_model, tiny_recipe
from training.explore import uploads
from training.explore.local_model import LocalModel
from training.explore.tabs import compare, inpaint, interpolate, reconstruct, sample, traverse
from zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture(scope="module")
def model():
    return any_tolerance_model()


@pytest.fixture(scope="module")
def masked():
    return masked_model()


@pytest.fixture(scope="module")
def conditional():
    recipe = conditional_recipe()
    return LocalModel("conditional", make_model(recipe, (8, 8, 1), (8, 8, 2)), recipe)


def chosen(model, index=0):
    contexts = model.examples.contexts
    context = None if contexts is None else contexts[index]
    return {"image": model.examples.images[index], "context": context}


def pictures(html):
    return re.findall(r'src="([^"]+)"', html)


def test_a_reconstruction_and_its_error_are_the_models(model):
    html = reconstruct.show(model, chosen(model), 0.2)
    assert len(pictures(html)) == 3, "image, reconstruction, difference"
    images = model.examples.images[:1]
    record = model._model.infer(images, seed=0, tolerance=0.2)
    rmse = np.sqrt(np.mean((images / 255.0 - record.reconstruction) ** 2))
    assert f"rmse {rmse:.4f}, rate {record.rate[0]:.1f} nats" in html


def test_another_tolerance_is_another_picture(model):
    model._model.infer(model.examples.images[:1], seed=0, tolerance=0.2)
    for weights in model._model.trainable_variables:  # The tolerance's layer starts at 0.
        weights.assign_add(np.full(weights.shape, 0.05, np.float32))
    made = [model.reconstruct(model.examples.images[:1], None, kappa) for kappa in RANGE]
    assert np.abs(made[0].images - made[1].images).max() > 0


def test_a_tolerance_out_of_range_is_a_sentence(model):
    assert 'class="message"' in reconstruct.show(model, chosen(model), 2.0)


def test_samples_are_the_models(model):
    shown = sample.show(model, 3, 7, 1.0, 0.2)
    assert len(pictures(shown)) == 3
    assert shown == sample.show(model, 3, 7, 1.0, 0.2)
    assert shown != sample.show(model, 3, 8, 1.0, 0.2)
    wanted = np.asarray(model._model.sample(3, seed=7, tolerance=0.2))
    np.testing.assert_array_equal(model.sample(3, 7, 1.0, 0.2), wanted)


def test_a_conditional_model_shows_its_context(conditional):
    assert len(pictures(sample.show(conditional, 2, 0, 1.0, None, chosen(conditional)))) == 3
    assert "Context" in reconstruct.show(conditional, chosen(conditional), None)
    assert not interpolate.is_offered(conditional)
    assert compare.comparable([conditional]) == []


def test_chains_are_shown_step_by_step():
    model = LocalModel("chain", zoo.InfusionModel((8, 8, 1), num_steps=3, filters=(4,)))
    assert not any(tab.is_offered(model) for tab in (reconstruct, interpolate, traverse, inpaint))
    assert not model.has_codec
    assert "it is not known what the model was trained on" in model.examples.origin
    assert len(pictures(sample.show(model, 2, 0, 1.0, None, None, True))) == 2 * 3


def test_interpolations_and_traversals_hold_the_images_own_reconstruction(model):
    images = model.examples.images[:2]
    latents = model._model.encode(images, tolerance=0.2)
    means = np.asarray(model._model.decode(latents, tolerance=0.2).mean())
    line = model.interpolate(*images, 4, 0.2)
    np.testing.assert_allclose(line[[0, -1]], means, atol=1e-5)
    path = model.traverse(images[0], 0, 1, 2.0, 5, 0.2)
    np.testing.assert_allclose(path[2], means[0], atol=1e-5)
    moved = np.asarray(latents[0][:1]) + np.array([0.0, 2.0, 0.0], np.float32)
    wanted = np.asarray(model._model.decode((moved,), tolerance=0.2).mean())
    np.testing.assert_allclose(path[-1], wanted[0], atol=1e-5)


def test_a_latent_that_is_not_there_is_a_sentence(model):
    shown = traverse.show(model, [3], chosen(model), 0.2, 0, traverse._LATENT, 4, 3.0)
    assert "latents 1 to 3" in shown
    shown = traverse.show(model, [3], chosen(model), 0.2, 0, traverse._GROUP, 4, 3.0)
    assert len(pictures(shown)) == traverse._NUM


def test_inpainting_shows_several_answers_that_no_hidden_pixel_moves(masked, model):
    assert inpaint.is_offered(masked)
    assert not inpaint.is_offered(model), "it infers by an encoder"
    first = chosen(masked)
    other = {"image": first["image"].copy(), "context": None}
    other["image"][4:] = 255 - other["image"][4:]
    mask = inpaint.mask_of("lower half", (8, 8, 1))
    answers = [masked.inpaint(image["image"], mask, [0, 1], 2) for image in (first, other)]
    np.testing.assert_array_equal(*answers)
    assert np.abs(answers[0][0] - answers[0][1]).max() > 0


@pytest.mark.parametrize(("hidden", "share"), [(p, 0.5) for p in inpaint._PARTS[:4]])
def test_a_mask_hides_what_it_says(hidden, share):
    assert inpaint.mask_of(hidden, (8, 8, 1)).mean() == 1 - share
    hides_first = hidden.startswith(("upper", "left"))
    assert inpaint.mask_of(hidden, (8, 8, 1))[0, 0] == (0 if hides_first else 1)


def test_the_centre_is_hidden():
    mask = inpaint.mask_of("centre", (8, 8, 1))
    assert mask[2:6, 2:6].sum() == 0
    assert mask.sum() == 64 - 16


def test_two_models_are_compared_on_the_same_images(model, masked):
    by_name = {m.name: m for m in compare.comparable([model, masked])}
    html = compare.show(by_name, "any", 0.2, "masked", 0.5)
    assert len(pictures(html)) == 3 * compare._NUM
    assert re.search(r"any: rmse 0\.\d+, rate -?[\d.]+ nats on average", html)


def test_a_code_is_counted_and_can_be_decoded():
    recipe = tiny_recipe()
    model = LocalModel("coded", make_model(recipe, (8, 8, 1)), recipe)
    model._code_tolerance = 0.5  # It is not trained.
    assert model.has_codec
    text, path = reconstruct.show_code(model, chosen(model), None)
    with open(path, "rb") as file:
        coder, codes = zoo.codec.unpack(file.read(), model._model)
    assert f"<b>{len(codes[0])} bytes</b> of 64" in text
    error = (coder.decode(codes) - model.examples.images[:1].astype(float)) / 255
    assert np.sqrt(np.mean(error**2)) <= 0.5
    model._code_tolerance = 0.001
    text, path = reconstruct.show_code(model, chosen(model), None)
    assert path is None
    assert "cannot be coded within" in text


def png(size, mode="RGB"):
    with io.BytesIO() as file:
        Image.new(mode, size, "white").save(file, "PNG")
        return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png((8, 8), "L"), "Your image has the model's size."),
        (png((30, 20)), "cut to a centred window and scaled from 30 × 20 to 8 × 8 pixels"),
        (png((8, 8)), "made grey"),
    ],
)
def test_an_upload_is_fitted_and_said(content, said):
    image, note = uploads.fit_upload(content, (8, 8, 1))
    assert (image.shape, image.dtype, image.min()) == ((8, 8, 1), np.uint8, 255)
    assert said in note


@pytest.mark.parametrize("content", [b"", b"no image", png((8, 8))[:40]])
def test_an_upload_of_the_wrong_kind_is_a_sentence(content):
    with pytest.raises(UserError, match="no image that can be read"):
        uploads.fit_upload(content, (8, 8, 1))


def test_contexts_that_are_not_there_are_told():
    model = make_model(conditional_recipe(), (8, 8, 1), (8, 8, 2))
    with pytest.raises(UserError, match="needs context images"):
        LocalModel("conditional", model)

import numpy as np
from PIL import Image

import zoo
from training import figures
from training.figures import canvas, model_pictures


def saved(path):
    return np.asarray(Image.open(path).convert("RGB"))


_TOP, _LEFT, _SIDE, _GAP, _BLOCK_GAP = 12 + 20 + 17, 12, 4 * 4, 3, 18


def centre(row, column):
    """The middle of an image of a block at the left margin."""
    return _TOP + row * (_SIDE + _GAP) + _SIDE // 2, _LEFT + column * (_SIDE + _GAP) + _SIDE // 2


def test_rows_are_images_and_columns_are_steps_after_the_data(tmp_path):
    data = np.array([0, 60], np.uint8).reshape(2, 1, 1, 1) * np.ones((1, 4, 4, 1), np.uint8)
    steps = np.array([[90, 120], [150, 180], [210, 240]], np.uint8)  # A step a row.
    chain = steps.reshape(3, 2, 1, 1, 1) * np.ones((1, 1, 4, 4, 1), np.uint8)
    path = tmp_path / "new" / "chains.png"
    figures.save_chains(path, chain, data)
    picture = saved(path)
    after_data = round(6.6 * len("data")) + _BLOCK_GAP  # Wider than the image of the data.
    for row, expected in enumerate(([0, 90, 150, 210], [60, 120, 180, 240])):
        y, x = centre(row, 0)
        places = [x, *(after_data + centre(row, step)[1] for step in range(3))]
        assert [picture[y, place, 0] for place in places] == expected


def test_chains_of_samples_have_no_data_before_them(tmp_path):
    chain = np.linspace(0, 1, 6).reshape(3, 2, 1, 1, 1) * np.ones((1, 1, 4, 4, 3))
    figures.save_chains(tmp_path / "chains.png", chain)
    picture = saved(tmp_path / "chains.png")
    shown = [[picture[(*centre(r, c), 0)] for c in range(3)] for r in (0, 1)]
    assert shown == [[0, 102, 204], [51, 153, 255]]
    square = picture[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE]
    assert (square == 0).all(), "each pixel is a sharp square"
    assert (picture[:, :_LEFT] == 255).all(), "a margin"


def test_steps_are_numbered_and_titled(tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(
        canvas.Canvas, "write", lambda self, x, y, text, *_, **__: texts.append(text)
    )
    chain = np.zeros((3, 2, 4, 4, 1))
    figures.save_chains(tmp_path / "a.png", chain, chain[0], title="A", beside="b", first_step=0)
    assert texts == ["A", "b", "after step", "0", "1", "2"]


def test_steps_of_a_model_are_those_of_its_chains(tmp_path):
    model = zoo.SequentialVAE(
        (8, 8, 1), num_steps=2, latent_dims=(2,), filters=(4,), hidden_units=4
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    model_pictures.save_steps(tmp_path, model, images, seed=4)
    figures.save_chains(
        tmp_path / "expected.png", model.reconstruct(images, seed=4, return_chain=True), images
    )
    expected = saved(tmp_path / "expected.png")
    np.testing.assert_array_equal(saved(tmp_path / "steps_of_reconstructions.png"), expected)
    figures.save_chains(tmp_path / "expected.png", model.sample(8, seed=4, return_chain=True))
    expected = saved(tmp_path / "expected.png")
    np.testing.assert_array_equal(saved(tmp_path / "steps_of_samples.png"), expected)

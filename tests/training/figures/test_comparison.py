import numpy as np
from PIL import Image

from training import figures


def test_each_model_has_a_row_of_reconstructions_and_one_of_samples(tmp_path):
    images = np.zeros((4, 8, 8, 1), np.uint8)
    rows = [
        ("grey", np.full((4, 8, 8, 1), 0.5), np.full((4, 8, 8, 1), 1.0)),
        ("red and\ngreen", np.tile([1.0, 0, 0], (4, 8, 8, 1)), np.tile([0, 1.0, 0], (4, 8, 8, 1))),
    ]
    figures.save_comparison(tmp_path / "new" / "figure.png", images, rows)
    picture = np.asarray(Image.open(tmp_path / "new" / "figure.png").convert("RGB"))
    colours, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    area = {tuple(colour): count for colour, count in zip(colours.tolist(), counts, strict=True)}
    half_row = area[(255, 0, 0)]
    assert half_row > 1000
    for colour in ((128, 128, 128), (0, 255, 0)):
        assert abs(area[colour] - half_row) < 0.1 * half_row


def test_a_label_has_room_whatever_its_letters(tmp_path):
    images = np.zeros((1, 8, 8, 1), np.uint8)
    for label in ("WWWWWWWWWWWW", "illi"):
        rows = [(label, images, images)]
        figures.save_comparison(tmp_path / "figure.png", images, rows)
        picture = np.asarray(Image.open(tmp_path / "figure.png").convert("L"))
        assert (picture[:, :10] == 255).all(), "the margin"

"""Every picture."""

import pathlib

import numpy as np
from PIL import Image

__all__ = ["NUM_COLUMNS", "NUM_SAMPLE_ROWS", "save_grid", "save_reconstructions", "save_trajectory"]

NUM_COLUMNS = 10
NUM_SAMPLE_ROWS = 6


def save_grid(path, images):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    x = (np.clip(images, 0, 1) * 255).round().astype(np.uint8)
    n, h, w, c = x.shape
    rows = [np.concatenate(list(x[i : i + NUM_COLUMNS]), 1) for i in range(0, n, NUM_COLUMNS)]
    Image.fromarray(np.concatenate(rows, 0).squeeze()).save(path)


def save_reconstructions(path, images, reconstructions):
    save_grid(path, np.concatenate([images / 255.0, reconstructions]))


def save_trajectory(path, rows, image_shape, recipe):
    pass

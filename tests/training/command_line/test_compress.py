"""`vae-zoo compress` and `vae-zoo decompress`, on files."""

import numpy as np
import pytest
from PIL import Image

from training import datasets
from training.command_line import cli


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    batch = next(iter(datasets.load("digits").batches("test", 3)))
    names = [f"{index}.png" for index in range(3)]
    for name, image in zip(names, batch["image"].numpy(), strict=True):
        Image.fromarray(image[..., 0]).save(name)
    return names


def test_files_come_back_within_the_tolerance(files, tmp_path, capsys):
    compress = ["compress", "conv_draw_digits", *files, "--tolerance", "0.15", "--effort", "4"]
    assert cli.main([*compress, "-o", "out.vz"]) == 0
    assert "Wrote 3 images to out.vz" in capsys.readouterr().out
    assert cli.main(["decompress", "conv_draw_digits", "out.vz", "-o", "back"]) == 0
    for index, name in enumerate(files):
        with Image.open(name) as image, Image.open(f"back/{index:05d}.png") as decoded:
            difference = np.asarray(image, float) - np.asarray(decoded, float)
        assert np.sqrt(np.mean(difference**2)) / 255 <= 0.15

    (tmp_path / "out.vz").write_bytes((tmp_path / "out.vz").read_bytes()[:-2])
    assert cli.main(["decompress", "conv_draw_digits", "out.vz"]) == 2
    assert "out.vz: The archive is damaged" in capsys.readouterr().err


def test_what_cannot_be_coded_is_one_line(files, capsys):
    arguments = ["compress", "conv_draw_digits", files[0], "--tolerance", "0.001", "--effort", "1"]
    assert cli.main(arguments) == 2
    message = capsys.readouterr().err
    assert f"{files[0]} cannot be coded" in message
    assert "--unfit png" in message
    assert message.strip().count("\n") == 0


def test_a_tolerance_of_zero_is_refused_at_once(capsys):
    assert cli.main(["compress", "conv_draw_digits", "a.png", "--tolerance", "0"]) == 2
    assert "--tolerance" in capsys.readouterr().err

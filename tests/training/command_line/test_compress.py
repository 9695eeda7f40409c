"""`vae-zoo compress` and `vae-zoo decompress`, on files."""

import numpy as np
import pytest
from PIL import Image

import zoo
from training import datasets
from training.command_line import cli, compress, decompress


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


def test_lossless_codes_come_back_exactly(files, monkeypatch, capsys):
    pytest.importorskip("constriction", reason="lossless coding needs constriction")
    model = zoo.PixelVAE((16, 16, 1), latent_dim=1, filters=2, num_blocks=1, encoder_filters=(2,))
    for command in (compress, decompress):
        monkeypatch.setattr(command, "load_image_model", lambda name: (model, None))
    assert cli.main(["compress", ".", *files, "--lossless", "-o", "out.vz"]) == 0
    assert "Wrote 3 images to out.vz" in capsys.readouterr().out
    assert cli.main(["decompress", ".", "out.vz", "-o", "back"]) == 0
    assert "coded without loss" in capsys.readouterr().out
    for index, name in enumerate(files):
        with Image.open(name) as image, Image.open(f"back/{index:05d}.png") as decoded:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(decoded))


def test_a_model_that_is_no_lossless_codec_is_named(files, capsys):
    assert cli.main(["compress", "conv_draw_digits", files[0], "--lossless"]) == 2
    assert "made by a PixelVAE" in capsys.readouterr().err


def test_either_a_tolerance_or_no_loss(capsys):
    arguments = ["compress", "conv_draw_digits", "a.png"]
    for how_well in ([], ["--lossless", "--tolerance", "0.1"]):
        assert cli.main([*arguments, *how_well]) == 2
        assert "--lossless" in capsys.readouterr().err

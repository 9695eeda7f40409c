"""A setting that cannot be is answered in one line that names the option, with exit code 2."""

import pytest

from training.command_line import cli

BAD_SETTINGS = [
    ("--steps", "0"),
    ("--batch-size", "0"),
    ("--batch-size", "5000"),
    ("--steps", "-3"),
    ("--steps", "many"),
    ("--learning-rate", "-1"),
    ("--learning-rate", "nan"),
    ("--seed", "-1"),
    ("--tolerance", "0"),
    ("--tolerance", "nan"),
    ("--tolerance", "25"),
    ("--image-size", "0"),
    ("--image-size", "9"),
    ("--dataset", "mnits"),
    ("--dataset", "folder:"),
    ("--strategy", "miror"),
]


@pytest.mark.parametrize(("option", "value"), BAD_SETTINGS)
def test_train_names_the_option(tiny_recipe_file, tmp_path, monkeypatch, capsys, option, value):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", str(tiny_recipe_file), option, value]) == 2
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: ")
    assert message.count("\n") == 1
    assert option in message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (["--binarize", "static", "--dequantize"], ["--binarize", "--dequantize"]),
        (["--objective", "elbo", "--tolerance", "0.1"], ["--tolerance", "--objective geco"]),
    ],
)
def test_settings_that_exclude_each_other_are_named(
    tiny_recipe_file, tmp_path, monkeypatch, capsys, settings, options
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", str(tiny_recipe_file), *settings]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(option in message for option in options)


def test_data_names_the_option(capsys):
    assert cli.main(["data", "digits", "--image-size", "0"]) == 2
    assert "--image-size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--num", "0"), ("--num", "x"), ("--temperature", "-1"), ("--seed", "2147483648")],
)
def test_sample_names_the_option(capsys, option, value):
    assert cli.main(["sample", "conv_draw_digits", option, value]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert option in message

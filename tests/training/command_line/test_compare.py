import pytest
from PIL import Image

from training.command_line.cli import main
from training.command_line.compare import describe_objective, short_names
from training.recipes import find_recipe


def test_models_stand_side_by_side(finished_run, tmp_path, capsys):
    picture = tmp_path / "new" / "comparison.png"
    run = str(finished_run)
    assert main(["compare", run, run, "--output", str(picture)]) == 0
    assert "Wrote 2 models side by side" in capsys.readouterr().out
    with Image.open(picture) as opened:
        assert opened.width > 500


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["runs/geco", "runs/elbo"], ["geco", "elbo"]),
        (["a/demo", "b/demo", "conv_draw_mnist"], ["a/demo", "b/demo", "conv_draw_mnist"]),
        (["runs/demo", "runs/demo", "runs/demo/"], ["demo", "demo (2)", "demo (3)"]),
        (["x/demo", "demo"], ["x/demo", "demo"]),
        (["long" * 20 + "1", "more/" + "long" * 20 + "1"], None),
        (["runs/mine/savedmodel/1", "conv_draw_mnist"], ["mine/savedmodel/1", "conv_draw_mnist"]),
        (["a/mine/2", "b/mine/2"], ["a/mine/2", "b/mine/2"]),
    ],
)
def test_labels_differ_and_are_short(names, short):
    found = short_names(names)
    assert short is None or found == short
    assert len(set(found)) == len(names)
    assert max(map(len, found)) <= 40


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["RUN", "conv_draw_mnist"], "conv_draw_mnist models images of shape (28, 28, 1), and"),
        (["classifier_mnist"], "classifier_mnist cannot be compared: it must be a model of images"),
        (["no_such_model"], "no pretrained model, run directory or exported model"),
    ],
)
def test_models_that_do_not_compare_are_refused(finished_run, models, message, capsys):
    models = [str(finished_run) if name == "RUN" else name for name in models]
    assert main(["compare", *models]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv_draw_mnist_error_and_classes", "ConvDRAW, GECO RE 0.15 + CLA 0.95"),
        ("info_vae_mnist_stein", "ConvVAE, InfoVAE Stein"),
    ],
)
def test_objectives_have_short_names(name, expected):
    assert describe_objective(find_recipe(name)) == expected
    elbo = find_recipe(name).override(objective="elbo")
    assert describe_objective(elbo).endswith(", ELBO")

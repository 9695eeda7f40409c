import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from tests import contract
from tests.training.tiny import REPOSITORY, make_model, tiny_recipe
from training import datasets
from training.command_line import cli, demo, options, reconstruct
from training.evaluation import feasibility
from training.kinds.latent_model import LatentModel
from training.runs import run
from training.runs.callbacks import WarnOfGap
from zoo.errors import UsageError


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _fails(capsys, *arguments):
    """Runs a command that fails as foreseen; gives its exit code and the paragraph it printed."""
    code = cli.main(list(arguments))
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: ")
    assert message.count("\n") == 1, "one paragraph, no traceback"
    return code, message


def _not_blank(path):
    return np.asarray(Image.open(path)).std() > 5


# === What the demo leaves behind ===


def test_demo_fills_the_run_directory(finished_run):
    files = {str(p.relative_to(finished_run)) for p in finished_run.rglob("*") if p.is_file()}
    assert {
        "recipe.json",
        "history.csv",
        "metrics.json",
        "card.md",
        "checkpoints/best.keras",
        "checkpoints/step-00000007.keras",
        "figures/reconstructions.png",
        "figures/samples.png",
        "figures/samples_of_saved_model.png",
        "figures/trajectory.png",
        "savedmodel/1/saved_model.pb",
    } <= files
    assert all(_not_blank(finished_run / name) for name in files if name.endswith(".png"))
    with open(finished_run / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6", "7"]
    assert {"rate", "val_rate", "val_rmse", "val_reconstruction_error_multiplier"} <= set(rows[0])
    made_with = json.loads((finished_run / "recipe.json").read_text())["made_with"]
    assert made_with["versions"]["tensorflow"] == tf.__version__


def test_tensorboard_has_scalars_and_images(finished_run):
    tags = set()
    for file in (finished_run / "tensorboard").rglob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    assert {"epoch_rate", "samples", "data_above_reconstructions"} <= tags


def test_metrics_are_those_of_the_model(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert metrics["steps"] == 7
    assert metrics["seed"] == 3
    model = zoo.load(finished_run / "savedmodel" / "1")
    data = datasets.load_for(tiny_recipe())
    test = model.evaluate(data.batches("test", 16), return_dict=True, verbose=0)
    assert metrics["test"] == pytest.approx(test, rel=1e-4)
    error = test["rmse"] ** 2 - 0.2**2
    assert metrics["test"]["reconstruction_error_violation"] == pytest.approx(error, rel=1e-3)
    beta = metrics["equivalent_beta"]
    multiplier = metrics["multipliers"]["reconstruction_error"]
    assert beta["value"] * multiplier * beta["likelihood_scale"] ** 2 == pytest.approx(32.0)
    bits = metrics["bits_per_dimension"]
    assert (bits["images"], bits["importance_samples"]) == (300, 16)
    images = next(iter(data.batches("test", 50)))["image"]
    log_prob = model.log_prob(images, num_samples=16, seed=0)
    some = -float(tf.reduce_mean(log_prob)) / (64 * np.log(2.0))
    assert bits["value"] == pytest.approx(some, rel=0.1)


def test_card_has_the_measures_the_figures_and_the_ledger(finished_run):
    card = (finished_run / "card.md").read_text()
    metrics = json.loads((finished_run / "metrics.json").read_text())
    verdict = feasibility.verdict(metrics["test"]["rmse"], 0.2)
    assert f"| rmse | {metrics['test']['rmse']:.4g} | pixel units; {verdict} |" in card
    assert f"| rate | {metrics['test']['rate']:.4g} |" in card
    assert "| size | large | tiny | a \\| test |" in card
    is_met = metrics["test"]["rmse"] <= 1.05 * 0.2
    assert ("was not met" in card) == (not is_met)
    assert ("reconstruction_error" in metrics["unmet_constraints"]) == (not is_met)
    for name in ("reconstructions", "samples", "trajectory"):
        assert f"](figures/{name}.png)" in card


def _rows_of_multipliers(*values):
    return [{"val_reconstruction_error_multiplier": value} for value in values]


def _rows_that_met(*prefixes):
    """Two epochs of a multiplier at its place, in the last of which these splits were feasible."""
    rows = _rows_of_multipliers(1000.0, 1005.0)
    rows[-1] |= {f"{prefix}reconstruction_error_violation": 0.0 for prefix in prefixes}
    return rows


def test_what_training_meets_alone_is_told_once():
    unmet = {"kind": "ReconstructionError", "tolerance": 0.2, "multiplier": "rising"}
    gap = {"tolerance": 0.2, "unit": "rmse", "training": 0.2, "validation": 0.25}
    metrics = {
        "test": {"rmse": 0.24, "reconstruction_error_violation": 0.24**2 - 0.2**2},
        "unmet_constraints": {"reconstruction_error": unmet | {"met_by": ["training"]}},
        "validation_gaps": {"reconstruction_error": gap},
    }
    missed, told = feasibility.shortfalls(metrics)
    assert missed.endswith("is 20.0% above it on the test split.")
    assert "learnt its training images by heart" in told


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (_rows_of_multipliers(10.0, 20.0), "The multiplier was still rising. Train for more steps"),
        (_rows_of_multipliers(20.0, 20.0), "The multiplier was no longer rising. Train"),
        (_rows_of_multipliers(20.0), "on the test split. Train for more steps"),
        (_rows_that_met("val_"), "The multiplier was no longer rising. Train for more steps"),
        (
            _rows_that_met("", "val_"),
            "on the test split. Training and validation meet it: the 300 images of the test split",
        ),
    ],
)
def test_card_and_summaries_say_that_a_tolerance_was_not_met(finished_run, rows, said):
    model = make_model(tiny_recipe(), (8, 8, 1))
    metrics = json.loads((finished_run / "metrics.json").read_text())
    metrics["test"] |= {"rmse": 0.22, "reconstruction_error_violation": 0.22**2 - 0.2**2}
    metrics["unmet_constraints"] = feasibility.unmet_constraints(model, metrics["test"], rows)
    data = datasets.load_for(tiny_recipe())
    text = "The tolerance 0.2 was not met: rmse 0.22 is 10.0% above it on the test split."
    for place in (
        LatentModel().make_card(tiny_recipe(), data, metrics),
        LatentModel().summary(metrics),
        demo._summary(metrics, 0.2, finished_run),
    ):
        assert text in " ".join(place.split())
        assert said in " ".join(place.split())


def test_a_tolerance_has_a_margin_and_a_high_multiplier_is_told(finished_run):
    model = make_model(tiny_recipe(), (8, 8, 1))
    test = {"rmse": 0.209, "reconstruction_error_violation": 0.209**2 - 0.2**2}
    assert feasibility.unmet_constraints(model, test, []) == {}
    model.objective.log_multipliers.assign([30.0])
    test = {"rmse": 0.211, "reconstruction_error_violation": 0.211**2 - 0.2**2}
    unmet = feasibility.unmet_constraints(model, test, [])
    (text,) = feasibility.shortfalls({"test": test, "unmet_constraints": unmet})
    assert "so high that raising it no longer helps." in text


@pytest.mark.parametrize(
    ("rmse", "said"),
    [
        (0.0991, "met, 0.9% below the tolerance 0.1"),
        (0.1032, "met within 5%, 3.2% above the tolerance 0.1"),
        (0.1051, "not met, 5.1% above the tolerance 0.1"),
        (np.nan, "not met, nan% above the tolerance 0.1"),
    ],
)
def test_a_verdict_says_by_how_much_and_names_its_margin(rmse, said):
    assert feasibility.verdict(rmse, 0.1) == said


def test_violations_have_verdicts_too():
    model = make_model(tiny_recipe(), (8, 8, 1))
    margin = feasibility.margins(model)["reconstruction_error"]
    assert margin == pytest.approx((1.05 * 0.2) ** 2 - 0.2**2)
    assert feasibility.verdict_of_violation(-0.1, margin).startswith("met; 0 is where")
    assert feasibility.verdict_of_violation(0.004, margin) == "met within the margin of 0.0041"
    assert feasibility.verdict_of_violation(0.005, margin) == "not met; the margin is 0.0041"


def _row(rmse, validation_rmse):
    values = {"": rmse, "val_": validation_rmse}
    errors = {f"{s}reconstruction_error_violation": v**2 - 0.2**2 for s, v in values.items()}
    return errors | {f"{s}rmse": v for s, v in values.items()}


def test_validation_that_violates_what_training_meets_is_told(finished_run, capsys):
    model = make_model(tiny_recipe(), (8, 8, 1))
    for fine in (_row(0.19, 0.2), _row(0.19, 0.209), _row(0.22, 0.23), {}):
        assert feasibility.validation_gaps(model, fine) == {}
    gap = _row(0.174, 0.242)
    text = (
        "Training meets the tolerance 0.2 of reconstruction error (rmse 0.174) and validation does "
        "not (0.242): "
    )
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert (text in LatentModel().summary(metrics)) == bool(metrics["validation_gaps"])
    metrics["validation_gaps"] = feasibility.validation_gaps(model, gap)
    data = datasets.load_for(tiny_recipe())
    assert text in LatentModel().make_card(tiny_recipe(), data, metrics)
    assert text in LatentModel().summary(metrics)
    callback = WarnOfGap()
    callback.set_model(model)
    for number, row in enumerate([gap, gap, _row(0.19, 0.2), gap, gap, gap, gap]):
        callback.on_epoch_end(number, row)
        printed = " ".join(capsys.readouterr().out.split())
        assert (text in printed) == (number == 5), "once, after three in a row"


# === Commands ===


def test_list_starts_fast_and_needs_no_tensorflow():
    code = (
        "import sys; from training.command_line.cli import main; main(['list']); "
        "assert not {'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "conv_draw_mnist" in done.stdout


def test_train_and_resume(tiny_recipe_file, tmp_path, capsys):
    settings = ["--steps", "2", "--tolerance", "0.3", "--no-results"]
    command = ["train", str(tiny_recipe_file), *settings]
    assert cli.main(command) == 0
    assert "Trained; the checkpoints are in runs/tiny." in capsys.readouterr().out
    assert not (tmp_path / "runs" / "tiny" / "metrics.json").exists()
    recipe = json.loads((tmp_path / "runs" / "tiny" / "recipe.json").read_text())
    assert recipe["steps"] == 2
    constraint = recipe["objective"]["arguments"]["constraints"][0]
    assert constraint["arguments"] == {"tolerance": 0.3}
    assert cli.main(command) == 2, "the directory exists"
    assert cli.main([*command, "--resume"]) == 0
    assert "All 2 steps are done: what follows training is done anew." in capsys.readouterr().out
    assert cli.main([*command, "--resume", "--steps", "3"]) == 2, "other settings"


def test_train_refuses_in_one_paragraph(capsys, tiny_recipe_file):
    code, message = _fails(capsys, "train", "conv_draw_mnits")
    assert code == 2
    assert "Did you mean conv_draw_mnist" in message
    for option, value, expected in [
        ("--dataset", "mnits", "Did you mean mnist"),
        ("--dataset", "folder:nowhere", "nowhere"),
        ("--tolerance", "-1", "above 0"),
        ("--strategy", "miror", "Did you mean mirrored"),
        ("--batch-size", "5000", "1297"),
        ("--image-size", "9", "divisible by 2"),
    ]:
        code, message = _fails(capsys, "train", str(tiny_recipe_file), option, value)
        assert code == 2, message
        assert expected in message


def test_options_are_not_guessed(capsys):
    code, message = _fails(capsys, "train", "conv_draw_digits", "--step", "2")
    assert code == 2
    assert "--step 2" in message


@pytest.mark.parametrize("name", ["file/in_it.png", "folder.png"])
@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(capsys, tmp_path, command, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    output = str(tmp_path / name)
    code, message = _fails(capsys, command, "conv_draw_digits", "--output", output)
    assert code == 2
    assert f"can be written. Received: --output {output}" in message.replace("\n", " ")


def test_multi_worker_needs_tf_config(capsys, tiny_recipe_file, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    arguments = ("train", str(tiny_recipe_file), "--strategy", "multi_worker")
    code, message = _fails(capsys, *arguments)
    assert code == 2
    assert "TF_CONFIG" in message


def test_a_failed_run_is_told_in_one_paragraph(capsys, tiny_recipe_file, monkeypatch):
    def fail(self, model, progress):
        raise run.UserError("Could not save. No room.")

    monkeypatch.setattr(run.CheckpointStore, "save", fail)
    code, message = _fails(capsys, "train", str(tiny_recipe_file))
    assert (code, message) == (1, "vae-zoo: Could not save. No room.\n")


def test_evaluate(finished_run, capsys):
    assert cli.main(["evaluate", str(finished_run)]) == 0
    output = capsys.readouterr().out
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert "digits, 300 images of the test split" in output
    rmse = metrics["test"]["rmse"]
    found = re.search(r"^  rmse +(\S+)  pixel units; (not )?met", output, re.MULTILINE)
    assert float(found[1]) == pytest.approx(rmse, rel=1e-3)
    assert re.search(r"^  rate +\S+  nats an image", output, re.MULTILINE)
    verdict = "The tolerance is met" if rmse <= 1.05 * 0.2 else "The tolerance 0.2 was not met"
    assert verdict in output
    own = output[output.index("digits, 300") :]
    assert max(map(len, own.splitlines())) <= 80


def test_evaluate_by_more_measures_into_a_file(finished_run, tmp_path, capsys):
    output = tmp_path / "measures.json"
    command = ["evaluate", str(finished_run), "--measure", "aggregate_posterior"]
    assert cli.main([*command, "--output", str(output)]) == 0
    printed = re.search(r"^  mmd +(\S+)$", capsys.readouterr().out, re.MULTILINE)[1]
    found = json.loads(output.read_text())
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert found["test"]["rmse"] == pytest.approx(metrics["test"]["rmse"], rel=1e-4)
    assert found["aggregate_posterior"]["mmd"] == pytest.approx(float(printed), rel=1e-4)


@pytest.mark.parametrize("name", ["generated_accuracy", "chain_steps", "class_distribution"])
def test_a_measure_of_other_models_is_refused_before_anything_is_measured(
    finished_run, name, capsys
):
    code, message = _fails(capsys, "evaluate", str(finished_run), "--measure", name)
    assert code == 2
    reason = "The classifier takes images of shape" if name == "class_distribution" else name
    assert reason in message


def test_evaluate_takes_few_images_of_a_folder(finished_run, tmp_path, capsys):
    """Fewer than a batch of the run; with options for how they are read."""
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (20, 10), (60 * number, 0, 0)).save(folder / f"{number}.png")
    (folder / "bad.png").write_text("no image")
    command = ["evaluate", str(finished_run), "--dataset", f"folder:{folder}", "--image-size", "8"]
    options = ["--channels", "1", "--fit", "resize"]
    code, message = cli.main([*command, *options]), capsys.readouterr().err
    assert code == 2
    assert "--corrupt skip" in message
    with pytest.warns(UserWarning, match=r"bad\.png"):
        assert cli.main([*command, *options, "--corrupt", "skip"]) == 0
    assert "images of the test split" in capsys.readouterr().out


def test_evaluate_refuses_data_of_another_shape(finished_run, capsys):
    arguments = ("evaluate", str(finished_run), "--dataset", "digits", "--image-size", "12")
    code, message = _fails(capsys, *arguments)
    assert code == 2
    assert "(8, 8, 1)" in message
    assert "(12, 12, 1)" in message


def test_sample(finished_run, tmp_path):
    command = ["sample", str(finished_run / "savedmodel" / "1"), "-n", "5", "--output"]
    assert cli.main([*command, "a.png"]) == 0
    assert cli.main([*command, "b.png", "--seed", "0", "--temperature", "1"]) == 0
    assert cli.main([*command, "c.png", "--seed", "1"]) == 0
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert _not_blank("a.png")


def test_sample_refuses(finished_run, capsys):
    model = str(finished_run)
    assert "at least 1" in _fails(capsys, "sample", model, "-n", "0")[1]
    assert "at least 0" in _fails(capsys, "sample", model, "--temperature", "-1")[1]
    for seed in ("2147483648", "-2147483649"):
        code, message = _fails(capsys, "sample", model, "--seed", seed)
        assert code == 2
        assert "--seed must be an int from -2147483648 to 2147483647" in message
    code, message = _fails(capsys, "sample", model, "--output", "samples.docx")
    assert code == 2
    assert "samples.docx" in message


def test_reconstruct(finished_run, tmp_path, capsys):
    digits = datasets.load_for(tiny_recipe()).sample_images("test", 1, seed=0)[0]
    Image.fromarray(digits[..., 0]).save("grey.png")
    Image.new("RGB", (40, 20), (200, 10, 10)).save("colour.jpg")
    command = ["reconstruct", str(finished_run), "grey.png", "colour.jpg", "--output", "out.png"]
    assert cli.main(command) == 0
    picture = np.asarray(Image.open("out.png"))
    zoom = 256 // 8
    assert picture.shape == (20 * zoom, 20 * zoom, 3)
    np.testing.assert_array_equal(picture[::zoom, ::zoom][1:9, 1:9, :1], digits)
    output = capsys.readouterr().out
    model = zoo.load(finished_run / "savedmodel" / "1")
    error = np.sqrt(np.mean((digits / 255.0 - np.asarray(model.reconstruct(digits[None]))[0]) ** 2))
    assert f"grey.png: rmse {error:.4f}" in output


def test_reconstruct_fits_files_as_the_training_images_were(finished_run, tmp_path, monkeypatch):
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 255
    Image.fromarray(pixels).save("wide.png")
    model, recipe = options.load_image_model(str(finished_run))
    for fit, is_all_white in (("crop", True), ("exact", True), ("resize", False)):
        fitted = recipe.override(fit=fit)
        monkeypatch.setattr(reconstruct, "load_image_model", lambda name, r=fitted: (model, r))
        seen = []
        monkeypatch.setattr(reconstruct, "save_picture", lambda *call, s=seen: s.append(call[2]))
        assert cli.main(["reconstruct", str(finished_run), "wide.png"]) == 0
        assert (seen[0] == 255).all() == is_all_white, fit


def test_names_of_files_need_not_be_utf_8(finished_run, tmp_path, capsys):
    name = os.fsdecode(b"\xff.png")
    Image.new("L", (8, 8)).save(name, "PNG")
    assert cli.main(["reconstruct", str(finished_run), name]) == 0


def test_reconstruct_names_the_bad_file(finished_run, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"not an image")
    assert "bad.png" in _fails(capsys, "reconstruct", str(finished_run), "bad.png")[1]
    assert "gone.png" in _fails(capsys, "reconstruct", str(finished_run), "gone.png")[1]


@pytest.mark.thorough
def test_export_of_a_run_with_a_saved_model(finished_run, tmp_path):
    assert cli.main(["export", str(finished_run), "served/3"]) == 0
    model, copy = zoo.load(finished_run / "savedmodel" / "1"), zoo.load(tmp_path / "served" / "3")
    contract.assert_close(copy.sample(3, seed=0), model.sample(3, seed=0))


def test_export_of_a_run_that_has_only_checkpoints(uninterrupted, tmp_path, capsys):
    directory, state = uninterrupted
    assert cli.main(["export", str(directory), "served/3"]) == 0
    weights = contract.state_of(zoo.load(tmp_path / "served" / "3"))
    np.testing.assert_array_equal(next(iter(weights.values())), next(iter(state.values())))
    capsys.readouterr()
    code, message = _fails(capsys, "export", str(directory), "served/3")
    assert code == 2
    assert "exists already" in message


def test_contexts_for_a_model_without_are_refused(finished_run, capsys):
    data = ("--dataset", "mnist_sum:digits", "--image-size", "8")
    message = _fails(capsys, "evaluate", str(finished_run), *data)[1]
    assert "no context images, as the model takes, received context images of shape" in message
    message = _fails(capsys, "sample", str(finished_run), "--dataset", "digits")[1]
    assert "a conditional model, whose context images --dataset is about" in message


def test_unknown_model_is_told(capsys):
    code, message = _fails(capsys, "sample", "no_such_model")
    assert code == 2
    assert "no pretrained model, run directory or exported model 'no_such_model'" in message


# === The demo's directory ===


def test_demo_replaces_only_a_demo(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else than an earlier demo"):
        demo.demo(tmp_path / "mine")
    assert (tmp_path / "mine" / "precious.txt").exists()


def test_demo_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    earlier = tmp_path / "demo"
    earlier.mkdir()
    recipe = tiny_recipe(name="conv_draw_digits").to_dict()
    (earlier / "recipe.json").write_text(json.dumps(recipe))

    def fail(*arguments):
        raise run.UserError("no room")

    monkeypatch.setattr(run, "train", fail)
    with pytest.raises(run.UserError):
        demo.demo(earlier)
    assert (earlier / "recipe.json").exists()

"""`vae-zoo reproduce` and `report`: what is kept, what is done, what is drawn and said."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tests.tiers import cover
from tests.training.tiny import make_model, tiny_recipe
from training.command_line import cli
from training.command_line import reproduce as command_line
from training.command_line.reproduce import part_of
from training.kinds.latent_model import LatentModel
from training.recipes import find_recipe
from training.reproduction import NAMES, SCALES, reproduce, scales, tables
from training.reproduction.store import Store
from training.reproduction.target import Run, Target
from training.reproduction.targets import TARGETS
from zoo.errors import UserError


def _runs(scale):
    del scale
    first = tiny_recipe(name="first", steps=2, steps_per_epoch=2)

    def second(results):
        error = results["first"].metrics["test"]["rmse"]
        return dataclasses.replace(first.override(tolerance=error), name="second")

    return [Run("first", first, ("active_units",)), Run("second", second, after=("first",))]


def _measure(finished):
    if not finished.results:
        return None
    tolerances = {name: result.recipe.tolerances for name, result in finished.results.items()}
    units = finished.results["first"].measures["active_units"]["units"]
    return {"units": units} | tolerances, {"colour": np.array([units, 0, 0], np.uint8)}


def _draw(numbers, arrays, path):
    assert arrays["colour"][0] == numbers["units"]
    Image.new("RGB", (30, 20), tuple(arrays["colour"].tolist())).save(path)


TINY = Target(
    name="tiny",
    source="A test, Figure 1",
    claim="Two runs <follow> each other.",
    paper_numbers={"units": 3},
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=lambda numbers: f"agrees: {numbers['units']} units.",
)


def _add_target(patch, target):
    """Adds a target `tiny`, where its name is looked for, too."""
    patch.setitem(TARGETS, "tiny", target)
    patch.setattr(command_line, "NAMES", (*command_line.NAMES, "tiny"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The directory of a target that was reproduced, shard after shard."""
    directory = tmp_path_factory.mktemp("reproduction")
    with pytest.MonkeyPatch.context() as patch:
        _add_target(patch, TINY)
        # A run's own figures are seen elsewhere.
        patch.setattr(LatentModel, "save_figures", lambda *arguments: None)
        for shard in ("2/2", "1/2"):
            command = ["reproduce", "tiny", "--directory", str(directory), "--shard", shard]
            assert cli.main(command) == 0
    return directory


def test_a_run_that_comes_after_another_sees_its_results(drawn):
    values = json.loads((drawn / "small" / "tiny.json").read_text())
    assert values["missing"] == []
    first = json.loads((drawn / "small/runs/first/metrics.json").read_text())
    tolerance = values["numbers"]["second"]["ReconstructionError"]
    assert tolerance == pytest.approx(first["test"]["rmse"])
    assert values["numbers"]["units"] == 3
    assert (drawn / "small" / "tiny.png").exists()


def test_finished_runs_are_not_repeated(drawn, monkeypatch, capsys):
    _add_target(monkeypatch, TINY)
    monkeypatch.setattr(reproduce.run, "train", lambda *arguments, **kwargs: pytest.fail("trains"))
    assert cli.main(["reproduce", "tiny", "--directory", str(drawn)]) == 0
    printed = capsys.readouterr().out
    assert "[1/2] first: finished before." in printed
    assert "tiny: agrees: 3 units." in printed


def test_a_run_waits_for_the_one_it_comes_after(tmp_path, capsys):
    runs, store = _runs("small"), Store(tmp_path, "small")
    assert reproduce.do_runs(runs[1:], runs, store) == []
    assert "[1/1] second: left for later, it comes after first." in capsys.readouterr().out
    assert reproduce.draw(TINY, store) is None
    assert "nothing to draw yet; missing: first, second" in capsys.readouterr().out
    assert not (tmp_path / "small" / "tiny.json").exists()


def test_shards_share_the_runs_and_keep_chains_together():
    runs = TARGETS["figure-5"].runs("small")
    parts = [part_of(runs, index, 2) for index in (1, 2)]
    assert sorted(run.name for part in parts for run in part) == sorted(r.name for r in runs)
    for part in parts:
        names = [run.name for run in part]
        for run in part:
            assert all(names.index(name) < names.index(run.name) for name in run.after)
    assert abs(len(parts[0]) - len(parts[1])) <= 2


def test_a_run_in_the_hands_of_another_process_is_left_alone(tmp_path, capsys):
    runs, store = _runs("small"), Store(tmp_path, "small")
    with store.alone(runs[0]) as is_mine:
        assert is_mine
        assert reproduce.do_runs(runs[:1], runs, store) == []
    assert "[1/1] first: another process is at work on it." in capsys.readouterr().out
    assert not (tmp_path / "small" / "runs" / "first").exists()


def test_a_run_that_fails_does_not_keep_the_others_from_being_done(tmp_path, monkeypatch, capsys):
    def fail(recipe, *arguments, **kwargs):
        raise UserError(f"no {recipe.name}.")

    _add_target(monkeypatch, TINY)
    monkeypatch.setattr(reproduce.run, "train", fail)
    assert cli.main(["reproduce", "tiny", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "[1/2] first: failed. no first." in printed.err
    assert "Not all runs succeeded, see above: first." in printed.err
    assert "[2/2] second: left for later" in printed.out


@pytest.mark.parametrize("which", [0, 1])
def test_a_finished_run_of_other_settings_is_refused(which, drawn, monkeypatch, capsys):
    """Of the second its recipe is known when the first's results are."""
    changed = _runs("small")
    make_recipe = changed[which].make_recipe

    def other_recipe(results):
        return dataclasses.replace(make_recipe(results), batch_size=5)

    changed[which] = dataclasses.replace(changed[which], recipe=other_recipe)
    other = dataclasses.replace(TINY, runs=lambda scale: changed, measure=lambda _: None)
    _add_target(monkeypatch, other)
    assert cli.main(["reproduce", "tiny", "--directory", str(drawn)]) == 1
    printed = capsys.readouterr()
    name = changed[which].name
    assert f"{name}: failed. The run in" in printed.err
    assert "was made with another batch_size: " in printed.err
    assert f"missing: {name}" in printed.out


def test_directories_that_cannot_be_are_refused(tmp_path, capsys):
    assert cli.main(["report", "--directory", str(tmp_path), "--output", str(tmp_path)]) == 2
    assert "no results of any target, so nothing was written" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text("")
    assert cli.main(["reproduce", "figure-2", "--directory", str(file)]) == 2
    assert "--directory must be a folder" in capsys.readouterr().err


def test_a_measure_that_another_target_asks_for_is_added(drawn, monkeypatch, capsys):
    store = Store(drawn, "small")
    run = dataclasses.replace(_runs("small")[0], measures=("sharpness",))
    assert store.read_result(run, {}) is None
    monkeypatch.setattr(reproduce.run, "train", lambda *arguments, **kwargs: pytest.fail("trains"))
    assert reproduce.do_runs([run], [run], store) == []
    assert "[1/1] first: measuring." in capsys.readouterr().out
    assert set(store.read_result(run, {}).measures) == {"active_units", "sharpness"}


def test_report_has_every_target(drawn, tmp_path, monkeypatch, capsys):
    _add_target(monkeypatch, TINY)
    command = ["report", "--directory", str(drawn), "--output", str(tmp_path / "report")]
    assert cli.main(command) == 0
    assert f"1 of {len(TARGETS)} targets have results" in capsys.readouterr().out
    page = (tmp_path / "report" / "reproduction.html").read_text()
    for target in TARGETS.values():
        assert f'<section id="{target.name}">' in page
    assert "Two runs &lt;follow&gt; each other." in page
    assert "Agrees: 3 units." in page
    assert 'src="reproduction/tiny.png"' in page
    folder = tmp_path / "report" / "reproduction"
    assert (folder / "tiny.png").exists()
    assert json.loads((folder / "tiny.json").read_text())["numbers"]["units"] == 3
    run = json.loads((folder / "runs" / "first.json").read_text())
    assert run["measures"]["active_units"]["units"] == 3
    assert run["test"]["rmse"] > 0
    text = (tmp_path / "report" / "REPRODUCTION.md").read_text()
    assert "| units | 3 |" in text
    assert "| second | 0." in text
    assert "`vae-zoo reproduce tiny`" in text

    # What the page has stays, unless there are results of as large a scale.
    text = (tmp_path / "report" / "REPRODUCTION.md").read_text()
    smoke = tmp_path / "others" / "smoke"
    smoke.mkdir(parents=True)
    values = json.loads((folder / "tiny.json").read_text())
    (smoke / "tiny.json").write_text(json.dumps(values | {"scale": "smoke"}))
    command = ["report", "--directory", str(tmp_path / "others"), "--output"]
    assert cli.main([*command, str(tmp_path / "report")]) == 0
    assert "1 of them as they were" in capsys.readouterr().out
    assert (tmp_path / "report" / "REPRODUCTION.md").read_text() == text
    assert (folder / "tiny.png").exists()


def test_numbers_become_tables_by_their_shape():
    points = [
        {"objective": "GECO", "label": "0.1", "rate": 3.0},
        {"objective": "ELBO", "rate": 9.0},
    ]
    first, second, third = tables.as_tables(
        {"seeds": 2, "some_system": points, "data": {"one": {"two": {"rmse": 0.12345}}}}
    )
    assert first == tables.Table("", ("", "ours"), (("seeds", "2"),))
    assert second == tables.Table("some system", ("", "rate"), (("GECO 0.1", "3"), ("ELBO", "9")))
    assert third == tables.Table("data, one", ("", "rmse"), (("two", "0.1235"),))


def test_names_are_those_of_the_targets():
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_runs_of_every_target_are_recipes_at_every_scale(target):
    for scale in SCALES:
        runs = target.runs(scale)
        by_name = {run.name: run for run in runs}
        assert len(by_name) == len(runs)
        for run in runs:
            assert set(run.after) <= set(by_name)
            if not run.after:
                assert run.recipe.name == run.name
                assert scale == "paper" or run.recipe.steps <= 10_000


def test_a_name_means_the_same_run_in_every_target():
    for scale in SCALES:
        seen = {}
        for target in TARGETS.values():
            for run in target.runs(scale):
                if not run.after:
                    assert seen.setdefault(run.name, run.recipe) == run.recipe


def test_scales_keep_the_recipe_or_shrink_it():
    small = scales.scaled("conv_draw_mnist", "small", "mine", tolerance=0.07, seed=3)
    original = find_recipe("conv_draw_mnist")
    assert small.tolerances == {"ReconstructionError": 0.07}
    assert (small.steps, small.seed) == (original.steps, 3)
    smoke = scales.scaled("conv_draw_mnist", "smoke", "mine")
    assert smoke.data == {"name": "digits", "options": {"image_size": 8}}
    assert smoke.steps == 4
    assert scales.scaled("conv_draw_mnist", "paper", "mine").steps == 200_000


@pytest.mark.parametrize("name", cover(["figure-2", "figure-7"], ["figure-2"]))
def test_theory_is_drawn(name, tmp_path):
    assert cli.main(["reproduce", name, "--scale", "smoke", "--directory", str(tmp_path)]) == 0
    with Image.open(tmp_path / "smoke" / f"{name}.png") as picture:
        assert min(picture.size) > 200


@pytest.mark.slow
@pytest.mark.parametrize("system", ["nvp_vae_color_mnist", "sequential_vae_cifar10"])
def test_models_of_the_papers_size_can_be_made(system):
    recipe = scales.scaled(system, "paper", "mine")
    shape = (28, 28, 3) if "mnist" in system else (32, 32, 3)
    assert make_model(recipe, shape).count_params() > 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_every_target_runs_at_the_smoke_scale(name, tmp_path_factory):
    # One directory for all: targets share runs.
    directory = tmp_path_factory.getbasetemp() / "smoke"
    command = ["reproduce", name, "--scale", "smoke", "--directory", str(directory)]
    assert cli.main(command) == 0
    assert (directory / "smoke" / f"{name}.json").exists()


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half", "1"])
def test_shards_that_cannot_be_are_refused(shard, capsys):
    assert cli.main(["reproduce", "figure-2", "--shard", shard]) == 2
    assert f"Received: --shard {shard}" in capsys.readouterr().err


def test_an_unknown_target_is_named(capsys):
    assert cli.main(["reproduce", "figure-55"]) == 2
    assert "no target 'figure-55'. Did you mean figure-5" in capsys.readouterr().err

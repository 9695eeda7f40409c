"""`zoo.load` gives the exported model back: outputs, objective, running scale; safely."""

import json
import shutil

import keras
import numpy as np
import pytest
from keras.src.utils import naming

import zoo
from tests import contract
from zoo.serving import manifest


@pytest.fixture
def copy(small_export, tmp_path):
    """A copy of an export, to be damaged."""
    shutil.copytree(small_export.path, tmp_path / "1")
    return tmp_path / "1"


def _edit(path, change):
    file = path / "assets.extra" / "vae_zoo.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))
    manifest.write(path)


def test_the_objective_keeps_its_state_and_the_optimiser_is_fresh(exported):
    objective, loaded = exported.model.objective, zoo.load(str(exported.path))
    assert loaded.objective.get_config() == objective.get_config()
    assert loaded.objective.multipliers == objective.multipliers
    pairs = list(zip(loaded.objective.variables, objective.variables, strict=True))
    assert len(pairs) == (0 if isinstance(objective, zoo.ELBO) else 3)
    for found, expected in pairs:
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    if isinstance(objective, zoo.GECO):
        assert loaded.objective.num_updates.numpy() == 3  # so the state had moved
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert loaded.optimizer.iterations == 0
    compiled, expected = loaded.get_compile_config(), exported.model.get_compile_config()
    assert compiled["seed"] == expected["seed"] == [5, 0]


@pytest.mark.usefixtures("unchecked")
def test_own_networks_load_in_their_precision_and_without_objective_with_the_elbo(tmp_path, images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = contract.make_model("ConvVAE_own_networks")
    finally:
        keras.config.set_dtype_policy("float32")
    model.export(tmp_path / "1", log_prob_samples=1)
    naming.reset_uids()  # as in another process, where Keras numbers layers anew
    loaded = zoo.load(tmp_path / "1")
    assert isinstance(loaded.objective, zoo.ELBO)
    # The layers, which take their precision from Keras's global policy, have the one they had.
    assert "bfloat16" in {layer.compute_dtype for layer in loaded._flatten_layers()}
    assert keras.config.dtype_policy().name == "float32"
    contract.assert_close(loaded.reconstruct(images), model.reconstruct(images))


def test_metadata_is_kept(small_export):
    config = json.loads((small_export.path / "assets.extra" / "vae_zoo.json").read_text())
    assert config["metadata"] == {"recipe": "none"}
    assert config["log_prob_samples"] == 3


@pytest.mark.parametrize("name", ["os>system", "posixpath>join", "zoo>Missing", "Dense"])
def test_unknown_classes_are_refused(copy, name):
    _edit(copy, lambda config: config.update({"class": name}))
    with pytest.raises(ValueError, match=rf"class '{name}', which is not registered.*custom_obj"):
        zoo.load(copy)


def test_a_class_may_be_passed(copy, small_export):
    _edit(copy, lambda config: config.update({"class": "Mine"}))

    class Mine(type(small_export.model)):
        pass

    assert type(zoo.load(copy, custom_objects={"Mine": Mine})) is Mine


def test_code_in_a_configuration_is_not_run(copy):
    harmful = {"module": "os", "class_name": "system", "config": {"command": "touch /nowhere"}}
    _edit(copy, lambda config: config["config"].update({"likelihood": harmful}))
    with pytest.raises((TypeError, ValueError), match="Could not"):
        zoo.load(copy)


def test_variables_that_do_not_fit_are_refused(copy):
    def change(config):
        config["variables"]["model"][0]["shape"].append(1)

    _edit(copy, change)
    with pytest.raises(ValueError, match=r"variables of the model at .* are not those of"):
        zoo.load(copy)


def test_another_format_is_refused(copy):
    _edit(copy, lambda config: config.update(format=99, zoo_version="7.0"))
    with pytest.raises(ValueError, match=r"written by zoo 7.0 in format 99.*reads format 2"):
        zoo.load(copy)


def test_damaged_json_is_refused(copy):
    (copy / "assets.extra" / "vae_zoo.json").write_text("{")
    manifest.write(copy)
    with pytest.raises(ValueError, match=r"vae_zoo.json is damaged"):
        zoo.load(copy)


def test_paths_without_a_model_say_what_is_there(small_export, tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        zoo.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"it has no assets.extra/vae_zoo.json"):
        zoo.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="it is a file"):
        zoo.load(tmp_path / "file")
    inner = tmp_path / "run" / "savedmodel" / "1"
    (inner / "assets.extra").mkdir(parents=True)
    (inner / "assets.extra" / "vae_zoo.json").touch()
    with pytest.raises(ValueError, match=r"exported into it is .*run/savedmodel/1; pass that"):
        zoo.load(tmp_path / "run")
    with pytest.raises(ValueError, match=r"holds the versions 7; pass one of them, such as .*7"):
        zoo.load(small_export.path.parent)
    with pytest.raises(ValueError, match=r"keras.saving.load_model"):
        zoo.load(tmp_path / "model.keras")


def with_encoder(layer):
    encoder = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), layer])
    return zoo.ConvVAE((4, 4, 1), latent_dim=2, filters=(2,), hidden_units=4, encoder=encoder)


class Forgetful(keras.layers.Layer):
    """Has an argument that its configuration leaves out."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: keras.layers.Lambda(lambda x: 2 * x), "has a lambda.*instead of a Lambda"),
        (
            lambda: keras.layers.Dense(3, activation=lambda x: 2 * x),
            "has a lambda.*a function that is registered so",
        ),
        (lambda: Forgetful(2.0), r"class of yours \(Forgetful\) a get_config"),
    ],
)
def test_what_could_not_be_loaded_is_not_exported(layer, message, tmp_path):
    with pytest.raises(ValueError, match=f"could not be loaded again.*{message}") as error:
        with_encoder(layer()).export(tmp_path / "1")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())

"""An export is complete and checked, and holds each weight once."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.serving import check, saved_model, warmup
from zoo.serving.signatures import make_signatures


@pytest.fixture
def model():
    return contract.make_compiled(contract.SMALLEST)


def test_only_the_export_is_left(exported):
    assert os.listdir(exported.path.parent) == ["7"]
    found = {str(p.relative_to(exported.path)) for p in exported.path.rglob("*") if p.is_file()}
    assert found == {
        "saved_model.pb",
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "assets.extra/manifest.json",
        "assets.extra/vae_zoo.json",
        "assets.extra/tf_serving_warmup_requests",
    }


def test_an_export_is_read_from_any_path(small_export, tmp_path):
    path = tmp_path / os.fsdecode(b"*? a\\[b] \xff") / "1"
    shutil.copytree(small_export.path, path)
    pairs = zip(zoo.load(path).get_weights(), small_export.model.get_weights(), strict=True)
    assert all(np.array_equal(loaded, own) for loaded, own in pairs)
    with check.open_session(str(path)) as answer:
        seeds, temperatures = np.zeros([1, 2], np.int32), np.ones([1], np.float32)
        answer("sample", {"seed": seeds, "temperature": temperatures})


def test_each_variable_is_stored_once(exported):
    checkpoint = tf.train.load_checkpoint(str(exported.path / "variables" / "variables"))
    stored = [
        int(np.prod(shape))
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if name.endswith("VARIABLE_VALUE")
    ]
    model = exported.model
    variables = [*model.variables, *model.objective.variables]
    assert sorted(stored) == sorted(int(np.prod(v.shape)) for v in variables)
    file = exported.path / "variables" / "variables.data-00000-of-00001"
    # Beside the numbers it holds the names of the objects.
    assert 4 * sum(stored) < file.stat().st_size < 4 * sum(stored) + 6000


def test_nothing_tells_of_the_machine(exported):
    home = os.path.expanduser("~").encode()
    package = os.path.dirname(saved_model.__file__).encode()
    for file in exported.path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(exported.path.parent).encode() not in content
            assert package not in content
            assert home not in content


def test_warm_up_has_every_signature_with_one_and_two_rows(exported):
    requests = warmup.read(str(exported.path))
    assert len(requests) <= 1000  # more, and the server refuses the version
    rows = {(name, len(next(iter(inputs.values())))) for name, inputs in requests}
    names = ("reconstruct", "encode", "decode", "sample", "log_prob")
    assert rows == {("serving_default", 1), *((name, n) for name in names for n in (1, 2))}


def test_warm_up_has_the_wire_format_of_tensorflow_serving(tmp_path):
    """Against bytes composed by hand from the numbers in tensorflow_serving/apis/*.proto."""
    values = np.array([1.5], np.float32)
    warmup.write([("f", {"x": values})], str(tmp_path))

    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    tensor = tf.make_tensor_proto(values).SerializeToString()
    model_spec = field(3, b"f")
    request = field(1, model_spec) + field(2, field(1, b"x") + field(2, tensor))
    expected = field(6, field(1, request))
    file = str(tmp_path / "assets.extra" / "tf_serving_warmup_requests")
    assert list(tf.data.TFRecordDataset([file]).as_numpy_iterator()) == [expected]


def test_an_existing_path_is_left_alone(model, tmp_path):
    path = tmp_path / "1"
    path.mkdir()
    with pytest.raises(FileExistsError, match=r"1 exists already.*remove it first"):
        model.export(path)
    assert os.listdir(tmp_path) == ["1"]
    assert os.listdir(path) == []


def test_only_saved_models_in_local_folders(model):
    with pytest.raises(ValueError, match=r"local folders. Received: gs://"):
        model.export("gs://bucket/1")
    with pytest.raises(ValueError, match="format='onnx'"):
        model.export("1", format="onnx")


def _flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CORRUPTIONS = {
    "a flipped byte": (_flip_a_byte, "corrupted record"),
    "not a PredictionLog": (
        lambda path: _write_records(path, [b"\xff\xff"]),
        "Warm-up record 0 .*cannot be read",
    ),
    "an unknown signature": (
        lambda path: _write_request(path, "paint", {"x": np.ones(1)}),
        "No signature is called .'paint'",
    ),
    "other inputs": (
        lambda path: _write_request(path, "encode", {"x": np.ones(1)}),
        r"'encode' takes .'image'.. Received: .'x'",
    ),
    "a wrong shape": (
        lambda path: _write_request(path, "encode", {"image": np.ones([1, 2, 2, 2], np.float32)}),
        "`image` must have shape",
    ),
    "a wrong type": (
        lambda path: _write_request(path, "encode", {"image": np.ones([1, 4, 8, 2])}),
        "float",
    ),
}


def _write_request(path, name, inputs):
    warmup.write([(name, inputs)], str(path.parents[1]))


def _write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.mark.parametrize(("corrupt", "message"), CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_bad_warm_up_fails_the_check(corrupt, message, small_export, tmp_path):
    path = tmp_path / "1"
    shutil.copytree(small_export.path, path)
    corrupt(path / "assets.extra" / "tf_serving_warmup_requests")
    signatures = make_signatures(small_export.model, log_prob_samples=3)
    with pytest.raises(RuntimeError, match=rf"does not run its own warm-up requests.*{message}"):
        check.check_export(str(path), small_export.model, signatures)


@pytest.mark.parametrize(("levels", "is_close"), [(0, True), (1, True), (2, False)])
def test_a_png_may_differ_by_one_level(levels, is_close):
    dark = np.full([1, 4, 8, 1], 3, np.uint8)
    pair = [tf.io.encode_png(image).numpy() for image in (dark, dark + np.uint8(levels))]
    if is_close:
        check._compare("sample_encoded/image_bytes", *pair, 1e-5)
    else:
        with pytest.raises(RuntimeError, match="image_bytes differs from the Keras model's by"):
            check._compare("sample_encoded/image_bytes", *pair, 1e-5)


@pytest.mark.thorough
def test_replicated_models_export(two_replicas, tmp_path):
    with two_replicas.scope():
        model = contract.make_compiled(contract.SMALLEST)
        for index, variable in enumerate(model.objective.variables):
            variable.assign(np.full(variable.shape, index + 0.5))
    model.export(tmp_path / "1", log_prob_samples=1)
    checkpoint = tf.train.load_checkpoint(str(tmp_path / "1" / "variables" / "variables"))
    stored = [
        checkpoint.get_tensor(f"objective/{index}/.ATTRIBUTES/VARIABLE_VALUE") for index in range(3)
    ]
    assert stored == [[0.5], [1.5], 2.5]

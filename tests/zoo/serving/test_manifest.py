"""A file that is not as it was exported is found by name, before anything of it is used."""

import hashlib
import json
import shutil

import pytest
import tensorflow as tf

import zoo
from tests.zoo.serving.conftest import graph_of
from zoo.serving import manifest

FILE = "assets.extra/manifest.json"
FILES = [
    "saved_model.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "assets.extra/vae_zoo.json",
    "assets.extra/tf_serving_warmup_requests",
]


@pytest.fixture
def copy(small_export, tmp_path):
    """A copy of an export, to be damaged."""
    shutil.copytree(small_export.path, tmp_path / "1")
    return tmp_path / "1"


def test_it_has_every_other_file(small_export):
    listed = json.loads((small_export.path / FILE).read_text())["files"]
    files = {path for path in small_export.path.rglob("*") if path.is_file()}
    assert {small_export.path / name for name in (*listed, FILE)} == files
    for name, entry in listed.items():
        content = (small_export.path / name).read_bytes()
        assert entry == {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }


def test_an_unchanged_copy_loads(copy):
    manifest.verify(copy)
    zoo.load(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_named(copy, name):
    content = bytearray((copy / name).read_bytes())
    # Where JSON stays JSON: the contents are not what tells.
    content[-1 if name.endswith("pb") else content.rfind(b" ")] ^= 0x29
    (copy / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} was changed. Expected: \d+ bytes"):
        zoo.load(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_or_missing_is_named(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1])
    with pytest.raises(ValueError, match=rf"{name} was changed.*Found: {len(content) - 1} bytes"):
        manifest.verify(copy)
    (copy / name).unlink()
    with pytest.raises(ValueError, match=rf"{name} is missing. Copy the whole folder again"):
        manifest.verify(copy)


@pytest.mark.parametrize("name", ["more.txt", "assets.extra/.hidden", "assets/code.py"])
def test_an_added_file_is_named(copy, name):
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("")
    with pytest.raises(ValueError, match=rf"not as it was exported: {name} was added"):
        zoo.load(copy)


def test_without_a_manifest_a_model_is_refused(copy):
    (copy / FILE).unlink()
    with pytest.raises(ValueError, match=rf"has no {FILE}"):
        zoo.load(copy)


@pytest.mark.parametrize("target", ["variables", "nowhere"])
def test_a_link_to_no_file_is_named(copy, target):
    (copy / "link").symlink_to(copy / target)
    with pytest.raises(ValueError, match="not as it was exported: link was added"):
        zoo.load(copy)
    (copy / FILES[0]).unlink()
    (copy / "link").rename(copy / FILES[0])
    with pytest.raises(ValueError, match=f"{FILES[0]} is a link to no file"):
        zoo.load(copy)


def test_a_configuration_that_is_no_object_is_refused(copy):
    (copy / "assets.extra" / "vae_zoo.json").write_text("[]")
    manifest.write(copy)
    with pytest.raises(ValueError, match=r"vae_zoo.json is damaged \(it is no object\)"):
        zoo.load(copy)


_DAMAGED = ["{", "[]", "{}", '{"files": 3}', '{"files": {"saved_model.pb": 3}}', "[" * 100_000, ""]


@pytest.mark.parametrize("text", _DAMAGED, ids=range(len(_DAMAGED)))
def test_a_damaged_manifest_is_refused(copy, text):
    (copy / FILE).write_text(text)
    with pytest.raises(ValueError, match=rf"{FILE} is damaged"):
        zoo.load(copy)


# === What an export must not hold ===

_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"(dp", b"(lp")
_ARCHIVES_AND_PROGRAMS = (b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"#!", b"\x89HDF")
# Operations that run Python or touch files other than the variables.
_OPERATIONS = {
    "DebugIdentityV3",
    "EagerPyFunc",
    "GeneratorDataset",
    "LoadDataset",
    "MatchingFiles",
    "PrintV2",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "SaveDatasetV2",
    "TextLineDataset",
    "TFRecordDatasetV2",
    "WriteFile",
}


def test_an_export_holds_no_pickle_and_no_code(exported, colour_export):
    for path in (exported.path, colour_export.path):
        for file in path.rglob("*"):
            if not file.is_file():
                continue
            content = file.read_bytes()
            assert not content.startswith(_PICKLE_STARTS + _ARCHIVES_AND_PROGRAMS), file
            assert file.suffix in (".pb", ".json", ".index", ".data-00000-of-00001", ""), file
            if file.suffix == ".json":
                json.loads(content)
            assert b"<code object" not in content
            assert b"marshal" not in content


def test_variables_are_numbers(exported):
    reader = tf.train.load_checkpoint(str(exported.path / "variables" / "variables"))
    types = {name: dtype.name for name, dtype in reader.get_variable_to_dtype_map().items()}
    assert types.pop("_CHECKPOINTABLE_OBJECT_GRAPH") == "string"  # a protocol buffer
    assert set(types.values()) <= {"float32", "int32", "int64"}


def test_the_graph_runs_no_python_and_opens_no_files(exported, colour_export):
    for path in (exported.path, colour_export.path):
        graph = graph_of(path)
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        operations = {node.op for node in nodes}
        assert len(operations) > 20
        assert operations.isdisjoint(_OPERATIONS)

"""What `vae-zoo serve NAME_OR_PATH` finds, and what it refuses by name."""

import pytest

from tests.training.serve.stand_in import make_version
from training.serve.served_models import find_models, version_folders
from zoo import hub
from zoo.errors import UsageError


@pytest.fixture
def faces(tmp_path):
    """A base path with the versions 1, 2 and 10, and what a server ignores."""
    base = tmp_path / "faces"
    for version in ("1", "2", "10"):
        make_version(base / version)
    (base / "10.unfinished-1a2b").mkdir()
    (base / "99999999999999999999").mkdir()  # Beyond int64.
    (base / "README.md").write_text("A card.")
    return base


def _one(*arguments, **options):
    (model,) = find_models([str(argument) for argument in arguments], **options)
    return model


def test_a_base_path_follows_its_newest_version(faces, monkeypatch):
    model = _one(faces)
    assert (model.name, model.base_path, model.versions) == ("faces", str(faces), ())
    assert version_folders(model) == [faces / "10"]
    monkeypatch.chdir(faces.parent)
    assert _one("faces") == model, "the path is absolute, for a server"


def test_a_version_folder_stands_for_that_version(faces):
    model = _one(faces / "2")
    assert (model.name, model.versions) == ("faces", (2,))
    assert _one(faces / "10", faces / "2").versions == (2, 10)


def test_a_run_directory_is_called_by_its_name(tmp_path):
    version = make_version(tmp_path / "runs" / "mine" / "savedmodel" / "1")
    for path in (version, version.parent, version.parent.parent):
        assert _one(path).name == "mine"
        assert _one(path).base_path == str(version.parent)


def test_a_pretrained_model_is_served_in_the_version_of_the_index(faces, monkeypatch):
    monkeypatch.setattr(hub, "list_models", lambda: ["faces"])
    monkeypatch.setattr(hub, "saved_model_path", lambda name: faces / "2")
    assert _one("faces").versions == (2,)


@pytest.mark.parametrize("name", ["[1]", "a*", "what?"])
def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused(tmp_path, name):
    make_version(tmp_path / name / "faces" / "1")
    with pytest.raises(UsageError, match=r"for a pattern: a server cannot read .* or link to it"):
        _one(tmp_path / name / "faces")
    (tmp_path / "faces").symlink_to(tmp_path / name / "faces")
    assert _one(tmp_path / "faces").base_path == str(tmp_path / "faces")


def test_labelled_versions_are_served(faces, tmp_path):
    make_version(tmp_path / "other" / "1")
    labels = ["stable=1", "faces:canary=10"]
    first, second = find_models([str(faces), str(tmp_path / "other")], labels)
    assert first.versions == (1, 10)
    assert first.labels == {"stable": 1, "canary": 10}
    assert second.versions == (1,)
    assert second.labels == {"stable": 1}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["stable"], r"label must be LABEL=VERSION or MODEL:.*Received: label=.stable."),
        (["stable=new"], r"Received: label=.stable=new."),
        (["stable=3"], r"has no version 3\. It has 1, 2, 10\."),
        (["houses:stable=1"], r"no model 'houses' is served, but faces\."),
    ],
)
def test_bad_labels_are_refused(faces, labels, message):
    with pytest.raises(UsageError, match=message):
        find_models([str(faces)], labels)


def test_an_unknown_name_is_told_with_those_near_to_it():
    with pytest.raises(UsageError, match=r"'conv_draw_minst'. Did you mean conv_draw_mnist"):
        find_models(["conv_draw_minst"])


def test_a_folder_without_versions_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"holds no model to serve: neither saved_model.pb nor"):
        find_models([str(tmp_path)])
    make_version(tmp_path / "faces")
    with pytest.raises(UsageError, match=r"must stand in a folder of its own, such as .*faces/1"):
        find_models([str(tmp_path / "faces")])


def test_a_version_that_a_server_could_not_load_is_refused(faces):
    (faces / "11").mkdir()
    with pytest.raises(UsageError, match=r"faces/11 has no saved_model.pb, but a server would"):
        find_models([str(faces)])
    (faces / "10" / "saved_model.pb").write_bytes(b"cut short")
    with pytest.raises(UsageError, match=r"faces/10 is not as it was exported: saved_model.pb"):
        find_models([str(faces / "10")])
    assert _one(faces / "2").versions == (2,), "others are served"


def test_a_number_given_twice_is_refused(faces):
    make_version(faces / "0002")
    with pytest.raises(UsageError, match=r"faces/0002 and .*faces/2 are the same version"):
        find_models([str(faces)])


@pytest.mark.parametrize("is_version_first", [False, True])
def test_a_model_given_as_a_whole_and_by_a_version_is_refused(faces, is_version_first):
    given = sorted([str(faces), str(faces / "2")], reverse=is_version_first)
    message = r"given as a whole.*and also by the version 2: give the folder alone.*faces/10\."
    with pytest.raises(UsageError, match=message):
        find_models(given)


def test_two_models_of_one_name_are_refused(faces, tmp_path):
    make_version(tmp_path / "elsewhere" / "faces" / "1")
    with pytest.raises(UsageError, match=r"Two models are called faces: .*rename one"):
        find_models([str(faces), str(tmp_path / "elsewhere" / "faces")])
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "faces")
    assert _one(tmp_path / "link").name == "link", "as the message advises"


def test_a_name_that_no_url_takes_is_refused(tmp_path):
    make_version(tmp_path / "my faces:1" / "1")
    with pytest.raises(UsageError, match=r"'my faces:1' is no name for a server"):
        find_models([str(tmp_path / "my faces:1")])

"""What a run notes of the code that made it."""

import re
import subprocess

import zoo
from training.runs import provenance


def _git(folder, *arguments):
    names = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", "-C", folder, *names, *arguments], check=True, capture_output=True)


def test_made_with_tells_modified_code(tmp_path):
    (tmp_path / "training" / "runs").mkdir(parents=True)
    (tmp_path / "training" / "runs" / "run.py").write_text("")
    _git(tmp_path, "init")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    file = tmp_path / "training" / "runs" / "run.py"
    assert re.fullmatch(r"[0-9a-f]{40}", provenance.commit(file))
    (tmp_path / "notes.py").write_text("")
    assert re.fullmatch(r"[0-9a-f]{40}", provenance.commit(file)), "not code of ours"
    (tmp_path / "zoo" / "models").mkdir(parents=True)
    (tmp_path / "zoo" / "models" / "new.py").write_text("")
    assert re.fullmatch(r"[0-9a-f]{40}-modified", provenance.commit(file))


def test_made_with_falls_back_to_the_version_in_the_code(monkeypatch):
    def fail(package):
        raise provenance.importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(provenance.importlib.metadata, "version", fail)
    assert provenance._version("vae-zoo") == zoo.__version__
    assert provenance._version("numpy") is None

"""The client works where TensorFlow is not installed, and the guide says how to install it so."""

import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from tests.zoo.serving.client.conftest import GREY_SHAPE

ROOT = pathlib.Path(__file__).parents[4]
# In the words of docs/SERVING.md: first the package alone, then what its client needs.
PACKAGE, NEEDS = re.findall(
    r"^pip install (.+)$", (ROOT / "docs" / "SERVING.md").read_text(encoding="utf-8"), re.MULTILINE
)[:2]
# Of the packages that the project declares, all but those.
ABSENT = ("keras", "matplotlib", "pooch", "PIL", "sklearn", "tensorflow", "tensorflow_datasets")

ABSENT_MODULES = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT}))\n"
USE = f"""
import sys, numpy, zoo
for address in sys.argv[2:]:
    with zoo.serving.Client(address, "grey", deadline=20) as client:
        client.wait_until_available(timeout=20)
        images = client.sample(3, seed=5)
        latents = client.encode(images.clip(0, 1))
        assert client.decode(latents).shape == client.reconstruct(images.clip(0, 1)).shape
        assert client.log_prob(images.clip(0, 1)).shape == (3,)
        try:
            client.encode(numpy.zeros((1, 2, 2, 1)))
        except zoo.serving.InvalidInputError:
            pass
        else:
            raise AssertionError("a wrong shape was taken")
    numpy.save(sys.argv[1], images)
assert not any(sys.modules.get(name) for name in {ABSENT})
"""


@pytest.fixture
def use(double, grey, tmp_path):
    """Runs a Python that calls the double over gRPC and over REST."""

    def run(python, code):
        file = tmp_path / "images.npy"
        command = [python, "-c", code, file, double.grpc_address, double.rest_address]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        images = np.load(file)
        assert images.shape == (3, *GREY_SHAPE)
        np.testing.assert_allclose(images, grey.model.sample(3, seed=5), atol=1e-5)

    return run


def test_the_client_works_where_nothing_else_can_be_imported(use):
    use(sys.executable, ABSENT_MODULES + USE)


@pytest.mark.parametrize(
    ("missing", "address", "packages"),
    [
        ("grpc", "localhost:1", "grpcio protobuf"),
        ("google.protobuf", "localhost:1", "grpcio protobuf"),
        ("requests", "http://localhost:1", "requests"),
    ],
)
def test_a_package_that_is_missing_is_named(missing, address, packages):
    code = (
        f"import sys, zoo; sys.modules[{missing!r}] = None\n"
        f"try: zoo.serving.Client({address!r}, 'grey')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith(f": pip install {packages}\n"), done.stderr


def test_the_guide_installs_what_the_client_declares():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = declared["optional-dependencies"]["serving"]
    assert set(NEEDS.split()) == {"numpy", *(re.match(r"[\w-]+", each)[0] for each in extra)}
    assert PACKAGE.startswith("--no-deps ")


@pytest.mark.slow
def test_the_client_works_as_the_guide_installs_it(use, tmp_path):
    source = tmp_path / "source"
    # Building writes into the folder.
    ignored = shutil.ignore_patterns(".*", "savedmodels", "docs", "tests", "runs", "build")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"

    def pip(*arguments):
        command = [python, "-m", "pip", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    needs = pip("install", *NEEDS.split())
    if needs.returncode != 0:
        pytest.skip(f"packages cannot be fetched here: {needs.stderr.strip().splitlines()[-1]}")
    package = pip("install", "--no-deps", source)
    assert package.returncode == 0, package.stderr
    installed = {line.split("==")[0].lower() for line in pip("freeze").stdout.splitlines()}
    assert not {name for name in installed if "tensorflow" in name or "keras" in name}
    use(python, USE)

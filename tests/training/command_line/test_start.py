"""What is answered before TensorFlow is imported, which takes seconds; and in 80 columns."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

import zoo
from tests.training.tiny import REPOSITORY
from training.command_line import cli
from training.command_line.text import columns

SLOW_MODULES = ["tensorflow", "keras", "matplotlib", "sklearn"]
ANSWERED_AT_ONCE = {
    "": 0,
    "--version": 0,
    "--help": 0,
    "train --help": 0,
    "list": 0,
    "sample conv_draw_mnist --num 0": 2,
    "sample conv_draw_mnist --num 1.5": 2,
    "sample conv_draw_mnist --temperature -1": 2,
    "sample conv_draw_mnist --seed 2147483648": 2,
    "sample conv_draw_mnist --output picture.docx": 2,
    "compare conv_draw_mnist --output picture.docx": 2,
    "reconstruct conv_draw_mnist a.png --output picture.docx": 2,
    "train conv_draw_mnist --steps -3": 2,
    "train conv_draw_mnist --batch-size 0": 2,
    "train conv_draw_mnist --tolerance 0": 2,
    "train conv_draw_mnist --tolerance nan": 2,
    "train conv_draw_mnist --tolerance 25": 2,
    "sample conv_draw_mnist_any --tolerance 25": 2,
    "compress conv_draw_mnist nowhere.png --tolerance 25": 2,
    "train conv_draw_mnist --learning-rate inf": 2,
    "train conv_draw_mnist --seed -1": 2,
    "train conv_draw_mnist --image-size 0": 2,
    "train conv_draw_mnist --data-seed -1": 2,
    "train conv_draw_mnits": 2,
    "train conv_draw_folder --dataset folder:nowhere --image-size 32": 2,
    "data folder:nowhere": 2,
    "sample conv_draw_mnits": 2,
    "evaluate runs/nowhere": 2,
    "export runs/nowhere there": 2,
    "serve models/nowhere": 2,
    "compare conv_draw_mnist runs/nowhere": 2,
    "reconstruct conv_draw_mnist nowhere.png": 2,
    "compress conv_draw_mnist nowhere.png --tolerance 0.1": 2,
    "decompress conv_draw_mnist nowhere.vz": 2,
    "train conv_draw_mnist --directory training": 2,
    "train conv_draw_mnist --resume --directory training": 2,
    "evaluate conv_draw_mnist --measure activ_units": 2,
    "data digits --image-size -1": 2,
    "demo --steps 0": 2,
    "serve conv_draw_mnist --grpc-port 0": 2,
    "serve conv_draw_mnist --rest-port 65536": 2,
    "serve conv_draw_mnist --max-batch-size 1": 2,
    "serve conv_draw_mnist --rest-timeout 0": 2,
    "reproduce figure-4 --shard 3/2": 2,
    "reproduce figur-4": 2,
    "report --directory nowhere": 2,
    "tran": 2,
    "train": 2,
}
# Nothing can be written to any of these: the folders stand where a file is to be, and vice versa.
FOLDERS = ("samples.png", "comparison.png", "reconstructions.png", "digits.png", "images.vz")
FILES = ("decoded", "serving", "runs", "report", "reproduction", "file")
CANNOT_BE_WRITTEN = (
    # By default.
    "sample conv_draw_mnist",
    "compare conv_draw_mnist",
    "reconstruct conv_draw_mnist file",
    "data digits --show",
    "compress conv_draw_mnist file --tolerance 0.1",
    "decompress conv_draw_mnist file",
    "serve conv_draw_mnist",
    "demo",
    "train conv_draw_digits",
    "reproduce figure-4",
    # As given.
    "sample conv_draw_mnist --output file/samples.png",
    "compress conv_draw_mnist file --lossless -o file/images.vz",
    "evaluate conv_draw_mnist --output images.vz",
    "export conv_draw_mnist file",
    "export conv_draw_mnist file/1",
    "train conv_draw_digits --directory file/run",
)
CODE = """
import json, sys
from training.command_line.cli import main

def run(text):
    try:
        code = main(text.split())
    except SystemExit as stop:
        code = stop.code
    return code, [name for name in {slow} if name in sys.modules]

print(json.dumps([run(text) for text in {texts}]), file=open(sys.argv[1], "w"))
"""


def _answers(texts, folder, tmp_path):
    """Runs commands in one process; returns (code, slow modules) by command, and what was told."""
    code = CODE.format(slow=SLOW_MODULES, texts=list(texts))
    command = [sys.executable, "-c", code, str(tmp_path / "found.json")]
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    return dict(zip(texts, map(tuple, found), strict=True)), done.stderr.splitlines()


def test_what_is_wrong_or_asks_for_help_is_answered_without_tensorflow(tmp_path):
    """One process: what the first imports, it has imported."""
    found, told = _answers(ANSWERED_AT_ONCE, REPOSITORY, tmp_path)
    assert found == {text: (code, []) for text, code in ANSWERED_AT_ONCE.items()}
    assert len(told) == list(ANSWERED_AT_ONCE.values()).count(2), "one line each"


def test_what_cannot_be_written_is_told_without_tensorflow(tmp_path):
    folder = tmp_path / "here"
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    found, told = _answers(CANNOT_BE_WRITTEN, folder, tmp_path)
    assert found == dict.fromkeys(CANNOT_BE_WRITTEN, (2, []))
    assert len(told) == len(CANNOT_BE_WRITTEN), "one line each"
    for text, line in zip(CANNOT_BE_WRITTEN, told, strict=True):
        words = ("exists already", "already exists", "can be made", "can be written")
        assert any(word in line for word in words), f"{text}: {line}"


def test_bare_is_help(capsys):
    assert cli.main([]) == 0
    bare = capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert capsys.readouterr().out == bare
    lines = bare.partition("commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(cli._COMMANDS), "a line for each"


def test_an_unknown_option_points_to_the_help_of_its_command(capsys):
    assert cli.main(["train", "conv_draw_mnist", "--epochs", "3"]) == 2
    wanted = "unrecognized arguments: --epochs 3. `vae-zoo train --help` explains the options."
    assert capsys.readouterr().err == f"vae-zoo: {wanted}\n"


def test_an_unknown_command_is_told_with_those_that_look_like_it(capsys):
    assert cli.main(["trian", "conv_draw_mnist"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: There is no command 'trian'. Did you mean train? Choose")
    assert message.count("\n") == 1
    assert all(name in message for name in cli._COMMANDS)


def test_another_backend_is_refused_in_a_line():
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "training", "sample", "conv_draw_digits"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "set the environment variable KERAS_BACKEND=tensorflow" in done.stderr


@pytest.fixture(scope="module")
def of_a_folder(tmp_path_factory):
    """A folder with a file that is no image, the picture drawn of it, and how the command ended.

    With a backend of Matplotlib's that is not there, as a notebook's kernel may ask for one: Keras
    imports Matplotlib as TensorFlow starts.
    """
    folder = tmp_path_factory.mktemp("images")
    for value in range(12):
        Image.new("L", (8, 8), value).save(folder / f"{value}.png")
    (folder / "notes.txt").touch()
    picture = tmp_path_factory.mktemp("pictures") / "examples.png"
    command = [sys.executable, "-m", "training", "data", f"folder:{folder}"]
    environment = os.environ | {"MPLBACKEND": "module://not_installed_here.backend"}
    done = subprocess.run(
        [*command, "--output", str(picture)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return folder, picture, done


def test_a_warning_is_a_line_without_the_place_in_the_code(of_a_folder):
    folder, _, done = of_a_folder
    wanted = f"vae-zoo: Left out of {folder}: 1 of other kinds (.txt: 1)"
    assert done.stderr.splitlines()[-1] == wanted
    assert "UserWarning" not in done.stderr


def test_commands_run_whatever_backend_the_environment_names(of_a_folder):
    _, picture, done = of_a_folder
    assert done.returncode == 0, done.stderr
    assert picture.exists()


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"vae-zoo {zoo.__version__}\n"


@pytest.mark.parametrize("command", [None, *cli._COMMANDS])
def test_help_fits_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"] if command else ["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert f"vae-zoo {command or ''}".strip() in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_list_fits_80_columns(capsys):
    assert cli.main(["list"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_long_name_stands_above_its_row():
    rows = [("a name", "x" * 40, "1.5"), ("n" * 40, "y", "22.5")]
    wanted = [f"  a name  {'x' * 40}   1.5", f"  {'n' * 40}", f"          y{' ' * 41}22.5"]
    assert columns(rows, indent=2, right=(2,), tall=True) == wanted


def test_columns_are_aligned_and_break_in_the_last():
    rows = [("a", 1, "word " * 30), ("long name", 20, "short")]
    lines = columns(rows, indent=2, right=(1,))
    assert lines[0].startswith("  a           1  word word")
    assert lines[-1] == "  long name  20  short"
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 17 + "word") for line in lines[1:-1])

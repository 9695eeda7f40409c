"""What the client refuses before it asks a server, and that it needs no TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest

from zoo import random, serving
from zoo.serving.client import arguments
from zoo.serving.client.rows import most_rows
from zoo.serving.client.served_signature import ServedSignature, TensorSpec
from zoo.serving.client.signature_inputs import as_inputs

IMAGE = TensorSpec("float32", (None, 2, 3, 1))
SEED = TensorSpec("int32", (None, 2))
GROUPS = {f"latents_{i}": TensorSpec("float32", (None, i + 1)) for i in range(11)}
ENCODE = ServedSignature({"image": IMAGE}, {"latents_0": TensorSpec("float32", (None, 4))})
CONDITIONAL = ServedSignature({"image": IMAGE, "context": IMAGE}, {"reconstruction": IMAGE})
DECODE = ServedSignature(GROUPS, {"image": IMAGE})
ALIKE = ServedSignature(
    {f"latents_{i}": TensorSpec("float32", (None, 4)) for i in range(8)}, {"image": IMAGE}
)
SAMPLE = ServedSignature(
    {"seed": SEED, "temperature": TensorSpec("float32", (None,))}, {"image": IMAGE}
)
NEWER = ServedSignature({"image": IMAGE, "mask": IMAGE}, {"reconstruction": IMAGE})
ZEROS = np.zeros([2, 2, 3, 1])
DRAWN = {"num": 2, "seed": 0, "temperature": 1.0}


def test_importing_the_client_does_not_import_tensorflow():
    code = (
        "import sys, zoo.serving; client = zoo.serving.Client('localhost:1', 'm'); client.close(); "
        "zoo.serving.Client('http://localhost:1', 'm').close(); "
        "print([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


BAD_ARGUMENTS = {
    "shape": (ENCODE, {"image": np.zeros([2, 3, 2, 1])}, r"\[N, 2, 3, 1\].*\(2, 3, 2, 1\)"),
    "one image": (ENCODE, {"image": np.zeros([2, 3, 1])}, r"pass images\[None\]"),
    "ints": (ENCODE, {"image": np.zeros([1, 2, 3, 1], int)}, r"floats in \[0, 1\] or uint8.*int64"),
    "range": (ENCODE, {"image": ZEROS + 255}, r"divide pixels.*from 255 to 255, NaN: 0"),
    "NaN": (ENCODE, {"image": ZEROS * np.nan}, r"must lie in \[0, 1\].*values that are all NaN"),
    "one NaN": (
        ENCODE,
        {"image": np.where(np.arange(12).reshape(2, 2, 3, 1) == 5, np.nan, 2.0)},
        r"from 2 to 2, NaN: 1",
    ),
    "enormous": (ENCODE, {"image": ZEROS + 1e300}, r"from inf to inf, NaN: 0"),
    "one context": (CONDITIONAL, {"image": ZEROS, "context": ZEROS[0]}, r"pass context\[None\]"),
    "infinite": (ENCODE, {"image": ZEROS + np.inf}, r"must lie in \[0, 1\]"),
    "text": (ENCODE, {"image": "image.png"}, r"\[N, 2, 3, 1\]"),
    "ragged": (ENCODE, {"image": [[1.0], [1.0, 2.0]]}, r"images must be one array"),
    "no context": (CONDITIONAL, {"image": ZEROS}, r"pass context=, of shape \[N, 2, 3, 1\]"),
    "a context too many": (ENCODE, {"image": ZEROS, "context": ZEROS}, "takes no context"),
    "rows of context": (CONDITIONAL, {"image": ZEROS, "context": ZEROS[:1]}, "each row: 2.*: 1"),
    "a seed too many": (ENCODE, {"image": ZEROS, "seed": 0}, "takes no seed"),
    "groups": (
        DECODE,
        {"latents": [np.zeros([2, 1])]},
        r"tuple of 11 arrays.*Received 1 array: \[2, 1\]",
    ),
    "no groups": (DECODE, {"latents": ()}, r"Received 0 arrays\.$"),
    "equal groups": (
        ALIKE,
        {"latents": [np.zeros([2, 5])] * 3},
        r"tuple of 8 arrays: \[N, 4\] \(8 times\), .* 3 arrays: \[2, 5\] \(3 times\)\.$",
    ),
    "one row of latents": (ALIKE, {"latents": [np.zeros(4)] * 8}, r"axis to each: group\[None\]"),
    "rows of groups": (
        DECODE,
        {"latents": [np.zeros([2 + (i == 5), i + 1]) for i in range(11)]},
        r"tuple of 11 arrays",
    ),
    "infinite latents": (
        DECODE,
        {"latents": [np.full([2, i + 1], np.inf if i == 10 else 0) for i in range(11)]},
        r"latents\[10\] must be finite",
    ),
    "negative number": (SAMPLE, DRAWN | {"num": -1}, "num must be an int of at least 0.*-1"),
    "fraction": (SAMPLE, DRAWN | {"num": 1.5}, r"num must be an int.*1\.5"),
    "large seed": (SAMPLE, DRAWN | {"seed": 2**31}, "32 bits each"),
    "float seed": (SAMPLE, DRAWN | {"seed": 0.5}, "A seed is an int"),
    "three seeds": (SAMPLE, DRAWN | {"seed": (1, 2, 3)}, "A seed is an int"),
    "negative temperature": (SAMPLE, DRAWN | {"temperature": -1}, "at least 0.*from -1"),
    "ragged seed": (SAMPLE, DRAWN | {"seed": [[1], 2]}, r"A seed is an int.*\[\[1\], 2\]"),
    "enormous seed": (SAMPLE, DRAWN | {"seed": 2**70}, "A seed is an int"),
    "enormous number": (SAMPLE, DRAWN | {"num": 10**18}, "of 32 bits"),
    "enormous temperature": (SAMPLE, DRAWN | {"temperature": 1e39}, "temperature must be finite"),
    "NaN temperature": (SAMPLE, DRAWN | {"temperature": np.nan}, "temperature must be finite"),
    "temperatures": (SAMPLE, DRAWN | {"temperature": [1, 1, 1]}, r"2 of them.*shape \(3,\)"),
    "a newer model": (NEWER, {"image": ZEROS}, r"does not know \['mask'\]"),
}


@pytest.mark.parametrize(
    ("signature", "given", "message"), BAD_ARGUMENTS.values(), ids=list(BAD_ARGUMENTS)
)
@pytest.mark.filterwarnings("error")  # NumPy's own words beside ours would confuse.
def test_bad_arguments_are_refused_by_name(signature, given, message):
    with pytest.raises(serving.InvalidInputError, match=message):
        as_inputs("method", signature, given)


def test_groups_of_latents_keep_their_order():
    latents = [np.full([2, i + 1], float(i)) for i in range(11)]
    inputs = as_inputs("decode", DECODE, {"latents": latents})
    assert {name: values[0, 0] for name, values in inputs.items()} == {
        f"latents_{i}": i for i in range(11)
    }


def test_files_are_looked_at():
    png, jpeg = b"\x89PNG\r\n\x1a\n...", b"\xff\xd8\xff\xe0..."
    assert list(arguments.as_encoded_images([png, bytearray(jpeg)])) == [png, jpeg]
    for bad, message in [
        (png, "must be a list"),
        ([png, b""], r"image_bytes\[1\]"),
        ([png, "text"], r"image_bytes\[1\].*str"),
        (7, "must be a list.*int"),
    ]:
        with pytest.raises(serving.InvalidInputError, match=message):
            arguments.as_encoded_images(bad)


@pytest.mark.parametrize("seed", [0, -5, (3, 4), [2**31 - 1, 2**31 - 2], np.int64(7)])
def test_row_seeds_are_those_of_the_model(seed):
    rows = arguments.as_row_seeds(seed, 4)
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows, random.row_seeds(seed, 4))


def test_requests_are_kept_small():
    inputs = {"image": np.zeros([4, 1024, 1024, 1], np.float32)}
    answer = {"features": TensorSpec("float32", (None, 1 << 22))}
    assert most_rows(ServedSignature({}, {}), inputs) == 16
    assert most_rows(ServedSignature({}, answer), inputs) == 4
    files = np.array([b"x" * (1 << 20), b"y" * (1 << 27)], object)
    assert most_rows(ServedSignature({}, {}), {"image_bytes": files}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": ""}, "address must be"),
        ({"address": "grpc://localhost:8500"}, "without a scheme"),
        ({"address": "http://localhost:8501", "protocol": "grpc"}, "without a scheme"),
        ({"address": "http://localhost:8501", "secure": True}, "https://"),
        ({"protocol": "http"}, "one of 'grpc', 'rest'"),
        ({"model": None}, "model must be"),
        ({"version": 1, "label": "stable"}, "pass one of them"),
        ({"version": "1"}, "version must be an int"),
        ({"max_batch_size": 0}, "max_batch_size must be"),
        ({"max_batch_size": True}, "max_batch_size must be"),
        ({"version": 2**63}, r"2\*\*63 - 1"),
        ({"version": True}, "version must be an int"),
        ({"label": ""}, "label must be a string"),
        ({"label": 3}, "label must be a string"),
        ({"address": "http://"}, "address is http://host:port"),
        ({"address": "http://:8501"}, "address is http://host:port"),
        ({"address": "http://localhost:port"}, "address is http://host:port"),
        ({"address": "local host", "protocol": "rest"}, "address is http://host:port"),
        ({"headers": "a: b"}, "dict of strings"),
        ({"headers": []}, "dict of strings"),
        ({"headers": {1: "a"}}, "dict of strings"),
        ({"headers": {"a": "b\nc"}}, "line breaks"),
        ({"headers": {"a": " b"}}, "spaces at its start"),
        ({"headers": {"a b": "c"}}, "name of a header"),
        ({"headers": {"key-bin": "a"}}, "-bin"),
        ({"max_retries": -1}, "max_retries must be"),
        ({"headers": {"a": 1}}, "dict of strings"),
        ({"root_certificates": "/no/such.pem"}, "root_certificates must be the path"),
        ({"client_key": "/no/such.pem"}, "pass both or neither"),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        serving.Client(**({"address": "localhost:8500", "model": "vae"} | options))

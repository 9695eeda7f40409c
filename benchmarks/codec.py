"""The codec's bytes beside those of image formats, each within one tolerance.

    python -m benchmarks.codec                            # MNIST by conv_draw_mnist, 200 images
    python -m benchmarks.codec --num 500 --effort 64      # an hour on two cores
    python -m benchmarks.codec --model conv_draw_cifar10 --data cifar10 --images FILE.npz

Two figures say what the bits are worth beside the model's rate: the mean payload of files that are
each within the tolerance, and, the codec's own part, the bits at which all images, with one budget
of bytes for each, come to the mean error of the model's drawn latents. A format's file is the
smallest of its qualities whose decoded image is within the tolerance; where none is, it is left out
of the mean and counted. JPEG XL needs the package pillow-jxl-plugin. A code's first byte counts the
others.
"""

import argparse
import functools
import json
import pathlib
import time

import numpy as np

import zoo
from training import datasets
from training.evaluation.image_formats import bytes_within
from training.runs import provenance

HERE = pathlib.Path(__file__).parent
_SEARCHED_AT_ONCE = 1024  # Images times partial codes.
_LEAST_SHARE = 0.8  # Of the rate, where the budgets for the mean error begin.


def measure_codec(model, images, tolerance, effort, like):
    """Returns bytes, rate and times of the codec, after checking every image."""
    coder = zoo.codec.Codec(model, tolerance, effort, like=like)
    start = time.perf_counter()
    codes = coder.encode(images, unfit="png")
    encoded = time.perf_counter()
    decoded = coder.decode(codes)
    done = time.perf_counter()
    errors = np.sqrt(np.mean((decoded / 255.0 - images / 255.0) ** 2, axis=(1, 2, 3)))
    given = {} if model.tolerance_range is None else {"tolerance": tolerance}
    record = model.infer(images, seed=0, **given)
    is_coded = np.array([code[0] > 0 for code in codes])
    payloads = np.array([len(code) - 1 for code in codes])[is_coded]
    rates = np.asarray(record.rate)[is_coded]
    drawn_rmse = float(np.sqrt(np.mean(record.squared_error)))
    rate_bits = float(np.mean(record.rate) / np.log(2))
    equal = bits_at(coder, images, drawn_rmse, int(_LEAST_SHARE * rate_bits / 8))
    return {
        "bits_at_drawn_rmse": equal,
        "bits_at_drawn_rmse_over_rate": equal / rate_bits,
        "payload_bytes": float(np.mean(payloads)),
        "payload_bits_over_rate": float(8 * np.mean(payloads) * np.log(2) / np.mean(rates)),
        "rate_bits": rate_bits,
        "rmse_of_drawn": drawn_rmse,
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "largest_rmse": float(errors.max()),
        "share_within": float(np.mean(errors <= tolerance)),
        "kept_as_png": int(sum(~is_coded)),
        "archive_bytes_an_image": len(zoo.codec.pack(coder, codes)) / len(codes),
        "encode_seconds_an_image": (encoded - start) / len(codes),
        "decode_seconds_an_image": (done - encoded) / len(codes),
    }


def bits_at(coder, images, rmse, num_bytes):
    """Returns the bits of one budget for all images at which their mean error is `rmse`.

    Between two budgets by a line; the search begins at `num_bytes`.
    """

    @functools.cache
    def error_of(budget):
        size = max(1, _SEARCHED_AT_ONCE // coder.effort)
        parts = (images[start : start + size] for start in range(0, len(images), size))
        errors = [coder._code(part / np.float32(255), None, budget)[1] for part in parts]
        return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))

    num_bytes = max(1, num_bytes)
    while error_of(num_bytes) > rmse:
        num_bytes += 1
    while num_bytes > 1 and error_of(num_bytes - 1) <= rmse:
        num_bytes -= 1
    if num_bytes == 1:
        return 8.0
    above, below = error_of(num_bytes - 1), error_of(num_bytes)
    return 8 * (num_bytes - (rmse - below) / (above - below))


def main():
    """Runs the benchmark, prints the results and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="conv_draw_mnist")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--images", help="an .npz whose x_test are the images, instead of --data's")
    parser.add_argument("--tolerance", type=float, default=0.1)
    parser.add_argument("--effort", type=int, default=16)
    parser.add_argument("--num", type=int, default=200)
    given = parser.parse_args()
    data = datasets.load(given.data)
    if given.images is None:
        images = next(iter(data.batches("test", given.num)))["image"].numpy()
    else:
        images = np.load(given.images)["x_test"][: given.num]
        given.images = pathlib.Path(given.images).name
    like = next(iter(data.batches("train", 512)))["image"].numpy()
    model = zoo.load(given.model)
    made = {"commit": provenance.commit(), "machine": provenance.machine()}
    report = (
        vars(given)
        | made
        | {
            "codec": measure_codec(model, images, given.tolerance, given.effort, like),
            "formats": {k: v for k, [v] in bytes_within(images, [given.tolerance]).items()},
        }
    )
    print(json.dumps(report, indent=1))
    path = HERE / "results" / f"codec_{given.model}_{given.tolerance:g}_{given.effort}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

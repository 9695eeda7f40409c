"""Bytes of lossless codes by a PixelVAE beside those of PNG, WebP and JPEG XL.

    python -m benchmarks.lossless_codec runs/pixel_vae_digits --data digits

Files of single images, which are mostly header, and a hundredth of a sheet of 100 images. It needs
the packages constriction and, for JPEG XL, pillow-jxl-plugin.
"""

import argparse
import json
import pathlib
import time

import numpy as np

import zoo
from training import datasets
from training.evaluation.image_formats import as_sheets, lossless_bytes
from training.runs import model_source, provenance

HERE = pathlib.Path(__file__).parent
SIDE = 10


def measure_codec(model, images):
    """Returns bytes and times of the codec, after checking that every image comes back."""
    codec = zoo.codec.LosslessCodec(model)
    start = time.perf_counter()
    codes = codec.encode(images)
    encoded = time.perf_counter()
    decoded = codec.decode(codes)
    done = time.perf_counter()
    assert (decoded == images).all()
    zeros = np.zeros((len(images), model.latent_dim), np.float32)
    log_prob = model.decode((zeros,)).log_prob(images / np.float32(255))
    return {
        "bytes": float(np.mean([len(code) for code in codes])),
        "bytes_by_log_prob": float(-np.mean(log_prob) / np.log(2) / 8),
        "archive_bytes_an_image": len(zoo.codec.pack(codec, codes)) / len(codes),
        "encode_seconds_an_image": (encoded - start) / len(codes),
        "decode_seconds_an_image": (done - encoded) / len(codes),
    }


def main():
    """Runs the benchmark, prints the results and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a run directory or an exported model")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--num", type=int, default=100)
    given = parser.parse_args()
    model, recipe = model_source.load_model(given.model)
    data = datasets.load(given.data)
    images = next(iter(data.batches("test", given.num)))["image"].numpy()
    sheets = lossless_bytes(as_sheets(images, SIDE))
    report = {
        "model": recipe.name,
        "steps": recipe.steps,
        "data": given.data,
        "num": len(images),
        "pixels": int(np.prod(images.shape[1:])),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "codec": measure_codec(model, images),
        "formats": lossless_bytes(images),
        "formats_sheet": {kind: size / SIDE**2 for kind, size in sheets.items()},
    }
    print(json.dumps(report, indent=1))
    path = HERE / "results" / f"lossless_{recipe.name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

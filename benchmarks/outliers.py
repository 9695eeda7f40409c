"""Tells clothes from digits by the densities of the pretrained models, and digits from clothes.

    python -m benchmarks.outliers            # about six minutes on one core
    python -m benchmarks.outliers --quick    # one model, few images, nothing written

By `vae-zoo evaluate --measure outlier_scores`'s function: images of the own test split against
those of the other set, each score's area under the ROC curve.
"""

import argparse
import json
import pathlib

import zoo
from training import datasets
from training.evaluation import outlier_scores
from training.runs import provenance

HERE = pathlib.Path(__file__).parent
_MODELS = {
    "mnist": (
        *("conv_vae_mnist", "conv_vae_mnist_mixture_prior", "conv_vae_mnist_energy_prior"),
        *("info_vae_mnist_mmd", "short_run_mnist", "conv_draw_mnist"),
    ),
    "fashion_mnist": (
        *("conv_vae_fashion_mnist", "conv_vae_fashion_mnist_mixture_prior"),
        "conv_draw_fashion_mnist",
    ),
}
_NUM_IMAGES, _NUM_SAMPLES = 1000, 4


def main():
    """Measures the models, prints what was found and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    report = {"commit": provenance.commit(), "machine": provenance.machine(), "models": {}}
    num_images = 20 if is_quick else _NUM_IMAGES
    for data_name, names in _MODELS.items():
        data = datasets.load(data_name)
        for name in names[:1] if is_quick else names:
            measured = outlier_scores.measure(
                zoo.load(name), data, num_images=num_images, num_samples=_NUM_SAMPLES
            )
            report["models"][name] = {"data": data_name, **measured}
            print(name, json.dumps(measured), flush=True)
    if not is_quick:
        path = HERE / "results" / "outliers.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

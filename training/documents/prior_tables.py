"""The table of priors that learn, from a benchmark's JSON and the released models."""

from training.documents.markers import table
from training.documents.runs import ROOT, read_benchmark, read_json

__all__ = ["TABLES"]

_HEADER = ("prior", "Fréchet", "sure, at temperature 0.7", "log p(x), nats", "learned in")
_JOINT = ROOT / "savedmodels/conv_vae_mnist_mixture_prior"
_GRID = ROOT / "savedmodels/conv_draw_mnist"
_VECTOR = ROOT / "savedmodels/conv_draw_mnist_mixture_prior"
_ENERGY = ROOT / "savedmodels/conv_vae_mnist_energy_prior"


def _priors():
    energy, mixture = read_benchmark("second_stage"), read_benchmark("second_stage_mixture")
    fitted = f"mixture of {mixture['num_components']} normals, of {mixture['num_fitted']:,} images"
    rows = [
        ["standard normal", *_samples(mixture["before"]), "", ""],
        [
            f"energy, {energy['steps']:,} steps",
            *_samples(energy["after"]),
            _gain(energy),
            f"{energy['seconds'] / 60:.0f} min",
        ],
        _released_energy(),
        [fitted, *_samples(mixture["after"]), _gain(mixture), f"{mixture['seconds']:.0f} s"],
        _trained("the same, then with the networks", _JOINT),
        _trained("ConvDRAW: its own, on a grid", _GRID),
        _trained("ConvDRAW: a mixture over a vector, then its own", _VECTOR),
    ]
    return table(_HEADER, rows, texts=1)


def _trained(what, released):
    steps = read_json(released / "recipe.json")["steps"]
    return [what, *_samples(read_json(released / "measures.json")), "", f"{steps:,} steps in all"]


def _released_energy():
    steps = read_json(_ENERGY / "recipe.json")["steps"]
    minutes = read_json(_ENERGY / "metrics.json")["training_seconds"] / 60
    samples = _samples(read_json(_ENERGY / "measures.json"))
    return [f"energy, {steps:,} steps", *samples, "", f"{minutes:.0f} min"]


def _samples(measures):
    sure = measures["sample_confidence"]
    shares = f"{sure['at_temperature_1']:.0%}, {sure['at_temperature_0.7']:.0%}"
    return [f"{measures['frechet_distance']['samples']:.0f}", shares]


def _gain(result):
    gain = result["log_prob_gain"]
    return f"{gain['mean']:+.2f} ± {gain['error']:.2f}"


TABLES = {"priors": _priors}

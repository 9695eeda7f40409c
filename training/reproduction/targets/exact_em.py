"""Exact expectation-maximisation (Balestriero, Paris & Baraniuk 2020): circle and wave."""

import numpy as np

from training.figures.plots import saved
from training.reproduction.exact_models import SETS, Decoder
from training.reproduction.target import Target

__all__ = ["TARGET"]

# Points, seeds, steps of EM, of the gradient, of the VAE.
_SIZES = {"smoke": (40, 1, 2, 2, 2), "small": (500, 5, 300, 2000, 8000)}
_SIZES["paper"] = _SIZES["small"]
_HIDDEN_UNITS = (8, 8)
_NUM_TEST = 5000
_NUM_SHOWN = 400  # Places on the decoder's curve.
_WAYS = ("em", "gradient", "vae")
_TITLE = "Exact EM: decoders of widths (8, 8), best of the seeds, and the course of EM"


def _measure(finished):
    num_points, num_seeds, em_steps, *other_steps = _SIZES[finished.scale]
    decoder = Decoder(_HIDDEN_UNITS, *other_steps)
    numbers, arrays = {}, {}
    for name, point_set in SETS.items():
        seeds = [
            _measure_seed(decoder, point_set, num_points, seed, em_steps)
            for seed in range(num_seeds)
        ]
        numbers[name] = _table(seeds)
        arrays[f"{name}_points"] = np.float32(point_set.draw(num_points, [0, 0]))
        arrays[f"{name}_courses"] = np.float32([found["course"] for found in seeds])
        for way in _WAYS:
            best = min(seeds, key=lambda found, way=way: found[way]["train"])
            arrays[f"{name}_{way}"] = np.float32(best["curves"][way])
    return numbers, arrays


def _measure_seed(decoder, point_set, num_points, seed, em_steps):
    """Trains in each way on points of the seed's own; returns costs, and curves of the decoder."""
    points, test = (point_set.draw(num, [seed, k]) for k, num in enumerate((num_points, _NUM_TEST)))
    true = {"train": point_set.true_cost(points), "test": point_set.true_cost(test)}
    found = {"curves": {}, "true": true}

    def note(way, **others):
        train, unseen = (point_set.cost(decoder.model, each) for each in (points, test))
        found[way] = {"train": train, "test": unseen, **others}
        found["curves"][way] = _curve(point_set, decoder.model)

    found["course"] = decoder.fit_em(point_set, points, seed, em_steps)
    note("em")
    decoder.fit_gradient(point_set, points, seed)
    note("gradient")
    bound = decoder.fit_vae(point_set, points, seed)
    note("vae", bound=bound)
    return found


def _table(seeds):
    """Nats a point in each way: means over seeds, and the range over them."""
    table = {}
    for way in (*_WAYS, "true"):
        train = [found[way]["train"] for found in seeds]
        table[way] = {"train": float(np.mean(train))}
        table[way] |= {"least": float(min(train)), "most": float(max(train))}
        table[way]["test"] = float(np.mean([found[way]["test"] for found in seeds]))
    bound = float(np.mean([found["vae"]["bound"] for found in seeds]))
    table["vae"] |= {"bound": bound, "gap": bound - table["vae"]["train"]}
    return table


def _curve(point_set, model):
    """The decoder's curve where the prior has its mass."""
    latents = np.linspace(-3.0, 3.0, _NUM_SHOWN, dtype=np.float32)[:, None]
    return point_set.as_points(model.decode((latents,)).mean())


def _draw(numbers, arrays, path):
    names = {"em": "exact EM", "gradient": "exact gradient", "vae": "VAE"}
    with saved(path, len(SETS), 4, figsize=(12, 6), title=_TITLE) as (_, axes):
        for row, name in zip(axes, SETS, strict=True):
            for axis, way in zip(row, _WAYS, strict=False):
                axis.scatter(*arrays[f"{name}_points"].T, s=3, color="0.6")
                axis.plot(*arrays[f"{name}_{way}"].T, color="tab:red")
                cost = numbers[name][way]["least"]
                axis.set(title=f"{names[way]}: {cost:.3f} nats", aspect="equal")
                # Of the points: where there are none a decoder may lead anywhere.
                least, most = (
                    bound(arrays[f"{name}_points"], axis=0) for bound in (np.min, np.max)
                )
                axis.set(xlim=(least[0] - 0.3, most[0] + 0.3), ylim=(least[1] - 0.3, most[1] + 0.3))
            courses = arrays[f"{name}_courses"]
            row[3].plot(courses.T, color="tab:blue", linewidth=0.8)
            true = numbers[name]["true"]["train"]
            row[3].axhline(true, color="black", linestyle=":", label="true density")
            row[3].set(ylim=(true - 0.2, true + 1.5), xlabel="step of EM", ylabel="-log p, nats")
            row[3].legend()
            row[0].set_ylabel(name)


def _verdict(numbers):
    parts = [
        f"{name}: EM {table['em']['train']:.3f} nats a point, the exact gradient "
        f"{table['gradient']['train']:.3f}, a VAE {table['vae']['train']:.3f} with a gap of "
        f"{table['vae']['gap']:.3f}, the true density {table['true']['train']:.3f}"
        for name, table in numbers.items()
    ]
    agrees = [t["em"]["train"] < t["vae"]["train"] for t in numbers.values()]
    word = "agrees" if all(agrees) else "agrees in part" if any(agrees) else "disagrees"
    return f"{word}: {'; '.join(parts)}."


TARGET = Target(
    name="exact-em",
    source="Analytical Probability Distributions and Exact Expectation-Maximization for Deep "
    "Generative Networks (Balestriero, Paris & Baraniuk 2020), the circle and wave",
    claim="Exact EM ends at a higher likelihood than a VAE of the same decoder.",
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
    remark="The paper shows curves only. EM takes 300 steps of one sweep over the layers each, "
    "where the authors take 75 of 20 to 100 sweeps. Our VAE's rate is weighted in over the first "
    "quarter of its steps, and its learning rate decays to 0: with the whole rate from the start "
    "most seeds leave the latent unused and stay at 2.16 on the circle. The gap is of its bound to "
    "the exact likelihood of its decoder. Means hide local optima, into which each way falls for "
    "some seeds: `least` and `most` are the range. Widths (8, 8) can fit the noise of 500 points: "
    "the test column is of 5000 others.",
)

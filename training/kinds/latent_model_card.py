"""What the card of a latent-variable model says."""

from training.evaluation import feasibility
from training.kinds import card
from zoo import registry

__all__ = ["LatentModelCard"]

_OF_MEANS = "- Samples are means of the likelihood, so they are smoother than the data."
_OF_CONSTRAINTS = "- Constraints hold on average over images: a single one may violate them."
_OF_DRAWS = "- The likelihood has no mean: reconstructions and samples are drawn, pixel by pixel."
_FILLED_IN = (
    "![Filled in](figures/filled_in.png)\n\nIn each row an image of the test split, what is seen "
    "of it, and answers for the hidden half: `model.reconstruct(images, mask=mask, seed=0)`.\n\n"
)
_MAY_IGNORE_LATENTS = "- Under the ELBO such a decoder may use its latents little: see the rate."


class LatentModelCard:
    """The part of the kind that writes the card: pictures, measures, verdicts, use, code."""

    intended_use = """## Intended use

Research, teaching and testing: compressing and generating images like those it was trained on,
comparing objectives, trying a serving set-up.

## Limitations

- It knows images of its training data's kind and size only; others are reconstructed badly.
- Bits a dimension are an upper bound, with the likelihood quantised to 256 levels."""

    def figures_text(self, recipe, data, metrics):
        """Returns the pictures in Markdown."""
        reconstructions = "Images of the test split, and below each its reconstruction"
        samples = "Samples"
        if data.context_shape is not None:
            reconstructions = (
                "Contexts and images of the test split, and after each its reconstruction"
            )
            samples = "In each row a context of the test split, then samples given it"
        has_mean = _has_mean(metrics)
        origin = "from posterior means" if has_mean else "with latents and pixels drawn"
        if has_mean and _infers_by_chains(metrics):
            origin = "from a descent without noise, to near a mode of the posterior"
        pixels = "means" if has_mean else "draws"
        return (
            "![Reconstructions](figures/reconstructions.png)\n\n"
            f"{reconstructions} {origin}.\n\n"
            "![Samples](figures/samples.png)\n\n"
            f"{samples}: {pixels} of the likelihood at latents drawn from the prior.\n\n"
            f"{_chains_text(recipe, data, has_mean)}"
            f"{_FILLED_IN if metrics.get('fills_in') else ''}"
            "![Trajectory](figures/trajectory.png)\n\n"
            "The training run in the information plane, on the validation split."
        )

    def measure_rows(self, data, metrics):
        """Returns the measures, and how it stands with constraints and multipliers."""
        test, bits = metrics["test"], metrics["bits_per_dimension"]
        by_chains = _infers_by_chains(metrics)
        of_paths = ", of the chains' paths: above it, and by much"
        meaning = f"nats an image, KL(q(z given x) ‖ p(z)){of_paths if by_chains else ''}"
        rows = [
            ("rate", f"{test['rate']:.4g}", meaning),
            ("distortion", f"{test['distortion']:.4g}", "nats an image, -log p(x given z)"),
        ]
        if _has_mean(metrics):
            meaning = _against_tolerance(test, metrics["tolerances"])
            rows.append(("rmse", f"{test['rmse']:.4g}", meaning))
        rows += [
            (
                f"{name.replace('_', ' ')} violation",
                f"{test[f'{name}_violation']:.3g}",
                feasibility.verdict_of_violation(test[f"{name}_violation"], margin),
            )
            for name, margin in metrics["margins"].items()
        ]
        for name, value in metrics["multipliers"].items():
            rows.append((f"{name.replace('_', ' ')} multiplier", f"{value:.4g}", "λ at the end"))
        rows += [_curve_row(point) for point in metrics.get("curve", [])]
        if metrics["equivalent_beta"]:
            beta = metrics["equivalent_beta"]
            scale = f"of a Gaussian likelihood of scale {beta['likelihood_scale']:.3g}"
            rows.append(("equivalent β", f"{beta['value']:.4g}", scale))
        if log_z := metrics.get("log_z"):
            meaning = f"nats, ± {log_z['error']:.2g}: the energy-based prior's normalising constant"
            rows.append(("log Z", f"{log_z['value']:.4g}", meaning))
        sample = (
            f"at most, from {bits['images']} images and {bits['importance_samples']} samples each"
            f"{', loose as the rate' if by_chains else ''}"
        )
        return [*rows, ("bits a dimension", f"{bits['value']:.4g}", sample)]

    def verdicts(self, metrics):
        """Says of each constraint whether it was met."""
        return feasibility.verdicts(metrics)

    def training_rows(self, recipe, data):
        """Returns the objective in words, and the context's shape."""
        context = card.shape_text(data.context_shape) if data.context_shape else "none"
        rows = {"objective": _objective(recipe).summary, **_prior_row(recipe)}
        return rows | {"context images": context}

    def use_text(self, recipe, metrics):
        """Returns use and limitations, which depend on likelihood, objective and constraints."""
        lines = [self.intended_use, _OF_MEANS if _has_mean(metrics) else _OF_DRAWS]
        # Without a regulariser there is no price on using latents.
        if not _has_mean(metrics) and _objective(recipe).is_regularised:
            lines.append(_MAY_IGNORE_LATENTS)
        if metrics["margins"]:
            lines.append(_OF_CONSTRAINTS)
        if metrics.get("curve"):
            lines.append(_of_range(metrics))
        return "\n".join(lines)

    def loading_code(self, data):
        """Returns Python code that loads the model and samples from it."""
        sample = "model.sample(16, seed=0)"
        if data.context_shape is not None:
            shape = ", ".join(map(str, (16, *data.context_shape)))
            sample = f"model.sample(16, seed=0, context=contexts)  # contexts: [{shape}]"
        return f"{card.LOAD}\nimages = {sample}"


def _prior_row(recipe):
    """Returns what the card says of a prior that learns, by name; nothing where none does."""
    arguments = recipe.architecture["arguments"]
    if not isinstance(arguments.get("prior"), dict):
        return {}
    prior, vector = registry.build("prior", arguments["prior"]), arguments.get("global_latents")
    return {
        "prior": prior.card if vector is None else f"of the first {vector} latents {prior.card}"
    }


def _objective(recipe):
    return registry.find("objective", recipe.objective["class_name"])


def _infers_by_chains(metrics):
    """Whether Langevin chains stand for an encoder."""
    return "acceptance" in metrics["test"]


def _has_mean(metrics):
    """Whether the likelihood has a mean, so that reconstructions have an error."""
    return "rmse" in metrics["test"]


def _chains_text(recipe, data, has_mean):
    text = ""
    is_regularised = _objective(recipe).is_regularised
    if data.context_shape is None and not (is_regularised and has_mean):
        text = (
            "![Markov chains](figures/markov_chains.png)\n\nIn each row a Markov chain of encoding "
            "and decoding (`zoo.sampling.markov_chain`), from noise on the left.\n\n"
        )
    if registry.find("architecture", recipe.architecture["class_name"]).has_chain:
        text += (
            "![Steps of reconstructions](figures/steps_of_reconstructions.png)\n\nIn each row an "
            "image of the test split, and its reconstruction after each step, with latents drawn."
            "\n\n![Steps of samples](figures/steps_of_samples.png)\n\nIn each row a sample after "
            "each step.\n\n"
        )
    return text


def _curve_row(point):
    tolerance, rmse = point["tolerance"], point["rmse"]
    rate = f"at a rate of {point['rate']:.4g} nats an image"
    return f"rmse at {tolerance:.3g}", f"{rmse:.4g}", f"{rmse / tolerance:.3f} of it, {rate}"


def _of_range(metrics):
    """Says what the tolerance of a model with a range promises, and what it was corrected by."""
    points = [point["tolerance"] for point in metrics["curve"]]
    text = (
        f"- The tolerance is an input, from {points[0]:g} to {points[-1]:g}: `tolerance=0.1`, or "
        f"one an image; by default {points[len(points) // 2]:.3g}, of which rate, distortion, rmse "
        "and bits a dimension above are.\n- It promises the root mean squared error over the data "
        "of latents that are drawn (`seed=0`); posterior means err less."
    )
    if "calibration" not in metrics:
        return text
    num_images = metrics["calibration"]["images"]
    return (
        f"{text} What goes in is corrected by a table measured on {num_images:,} held-out images."
    )


def _against_tolerance(test, tolerances):
    tolerance = tolerances.get("ReconstructionError")
    if tolerance is None:
        return "pixel units; no tolerance was asked for"
    return f"pixel units; {feasibility.verdict(test['rmse'], tolerance)}"

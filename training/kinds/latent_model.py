"""Latent-variable models of images."""

import inspect

import tensorflow as tf

import zoo
from training import figures
from training.evaluation import bits_per_dimension, feasibility
from training.figures import model_pictures
from training.kinds import card
from training.kinds.fit_prior import FitPrior
from training.kinds.kind import Kind, register
from training.kinds.optimizers import make_optimizer
from zoo import registry
from zoo.errors import UsageError
from zoo.models.any_tolerance import LEAST_IMAGES

__all__ = ["LatentModel"]

_OF_MEANS = """- Samples are means of the likelihood, so they are smoother than the data.
- The constraint holds on average over images: a single one may be reconstructed worse."""
_OF_DRAWS = "- The likelihood has no mean: reconstructions and samples are drawn, pixel by pixel."
_MOST_TO_CALIBRATE = 2000
_MOST_TO_PRETRAIN = 1000
_MAY_IGNORE_LATENTS = "- Under the ELBO such a decoder may use its latents little: see the rate."


@register
class LatentModel(Kind):
    """A latent-variable model: rate, distortion, constraints, and bits a dimension."""

    name = "latent-variable model"
    model_class = zoo.LatentImageModel
    has_latents = True
    measured_how = ", with z drawn"
    intended_use = f"""## Intended use

Research, teaching and testing: compressing and generating images like those it was trained on,
comparing objectives, trying a serving set-up.

## Limitations

- It knows images of its training data's kind and size only; others are reconstructed badly.
{_OF_MEANS}
- Bits a dimension are an upper bound, with the likelihood quantised to 256 levels."""

    def build(self, recipe, image_shape, context_shape, num_classes):
        """Returns the compiled model; a context for a model that would not use it is refused."""
        shapes = {"image_shape": image_shape}
        if context_shape is not None:
            _check_conditional(recipe)
            shapes["context_shape"] = context_shape
        if "backbone" in recipe.architecture["arguments"]:
            model = _second_stage(recipe, **shapes)
        else:
            model = registry.build("architecture", recipe.architecture, **shapes)
        objective = registry.build("objective", recipe.objective)
        model.compile(make_optimizer(recipe), objective=objective, seed=recipe.seed)
        return model

    def begin(self, model, data):
        """Gives each chart of a `zoo.ChartVAE` a place among the training images."""
        if hasattr(model, "pretrain"):
            num = min(data.num_examples["train"], _MOST_TO_PRETRAIN)
            model.pretrain(data.sample_examples("train", num, seed=0)["image"])

    def callbacks(self, model, data, num_epochs):
        """Returns that which fits a `zoo.MixturePrior`, if the model has one."""
        mixture = getattr(model, "mixture", None)
        return [] if mixture is None else [FitPrior(data, mixture.num_components, num_epochs)]

    # === Results ===

    def finish(self, model, data, batch_size, told):
        """Calibrates a model with a range of tolerances on the validation split."""
        num_images = min(data.num_examples["validation"], _MOST_TO_CALIBRATE)
        if model.tolerances is None or num_images < LEAST_IMAGES:
            return {}
        batches = list(data.batches("validation", batch_size, num_images))
        images = tf.concat([batch["image"] for batch in batches], axis=0)
        context = None
        if data.context_shape is not None:
            context = tf.concat([batch["context"] for batch in batches], axis=0)
        with told(f"Calibrating tolerances on {num_images:,} images of the validation split"):
            errors = model.calibrate(images, context)
        inputs = model.calibration.inputs
        table = {"inputs": inputs.tolist(), "rmse": errors.tolist(), "images": num_images}
        return {"calibration": table}

    def finish_again(self, model, metrics):
        """Calibrates a model as it was calibrated when its run ended."""
        if "calibration" in metrics:
            model.calibration.store(metrics["calibration"]["rmse"])

    def run_metrics(self, model, data, rows, test_logs, num_test_images, **given):
        """Adds the bound on bits a dimension, and how the constraints were met."""
        metrics = super().run_metrics(model, data, rows, test_logs, num_test_images)
        if getattr(model, "energy", None) is not None:
            value, error = model.estimate_log_z()
            metrics["log_z"] = {"value": value, "error": error}
        return metrics | {
            "tolerances": feasibility.tolerances(model, **given),
            "curve": feasibility.curve(model, metrics["test"]),
            "bits_per_dimension": bits_per_dimension.measure(model, data, **given),
            "multipliers": model.objective.multipliers,
            "equivalent_beta": feasibility.equivalent_beta(model),
            "infeasible_constraints": feasibility.infeasible_constraints(model),
            "margins": feasibility.margins(model),
            "unmet_constraints": feasibility.unmet_constraints(model, metrics["test"], rows),
            "validation_gaps": feasibility.validation_gaps(model, rows[-1] if rows else {}),
        }

    def save_figures(self, model, data, recipe, rows, folder):
        """Saves reconstructions, samples, chains where there are any, and the trajectory."""
        as_images = data.channels_are_images
        num = min(2 * figures.NUM_COLUMNS, data.num_examples["test"])
        examples = data.sample_examples("test", num, seed=0)
        path = folder / "reconstructions.png"
        model_pictures.save_reconstructions(path, model, examples, as_images)
        samples, contexts = model_pictures.draw_samples(model, _num_samples(model, data), data)
        model_pictures.save_samples(folder / "samples.png", samples, contexts, as_images)
        if model_pictures.has_chains(model):
            model_pictures.save_markov_chains(folder / "markov_chains.png", model, as_images)
        if model.has_chain:
            model_pictures.save_steps(folder, model, examples["image"], as_images)
        path = folder / "trajectory.png"
        figures.save_trajectory(path, rows, data.image_shape, recipe.tolerances)

    def summary(self, metrics):
        """Says in a few lines what a run reached, and what it did not."""
        test = metrics["test"]
        tolerance = metrics["tolerances"].get("ReconstructionError")
        error = ""  # A model whose likelihood has no mean has none.
        if "rmse" in test:
            # What is not met is told below, with what to do.
            is_told = "reconstruction_error" in metrics["unmet_constraints"] or not tolerance
            asked = "" if is_told else f" ({feasibility.verdict(test['rmse'], tolerance)})"
            error = f"rmse {test['rmse']:.4f}{asked}, "
        bits = metrics["bits_per_dimension"]["value"]
        text = (
            f"On the test split: {error}rate {test['rate']:.1f} nats an image, at most {bits:.3f} "
            "bits a dimension."
        )
        return "\n".join([text, *feasibility.shortfalls(metrics)])

    # === The card ===

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
        pixels = "means" if has_mean else "draws"
        return (
            "![Reconstructions](figures/reconstructions.png)\n\n"
            f"{reconstructions} {origin}.\n\n"
            "![Samples](figures/samples.png)\n\n"
            f"{samples}: {pixels} of the likelihood at latents drawn from the prior.\n\n"
            f"{_chains_text(recipe, data, has_mean)}"
            "![Trajectory](figures/trajectory.png)\n\n"
            "The training run in the information plane, on the validation split."
        )

    def measure_rows(self, data, metrics):
        """Returns the measures, and how it stands with constraints and multipliers."""
        test, bits = metrics["test"], metrics["bits_per_dimension"]
        rows = [
            ("rate", f"{test['rate']:.4g}", "nats an image, KL(q(z given x) ‖ p(z))"),
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
        )
        return [*rows, ("bits a dimension", f"{bits['value']:.4g}", sample)]

    def verdicts(self, metrics):
        """Says of each constraint whether it was met."""
        return feasibility.verdicts(metrics)

    def training_rows(self, recipe, data):
        """Returns the objective in words, and the context's shape."""
        context = card.shape_text(data.context_shape) if data.context_shape else "none"
        prior = recipe.architecture["arguments"].get("prior")
        tilted = {"prior": registry.build("prior", prior).card} if isinstance(prior, dict) else {}
        return {"objective": _objective(recipe).summary, **tilted, "context images": context}

    def use_text(self, recipe, metrics):
        """Returns use and limitations, which depend on whether the likelihood has a mean."""
        if metrics.get("curve"):
            return f"{self.intended_use}\n{_of_range(metrics)}"
        if _has_mean(metrics):
            return self.intended_use
        text = self.intended_use.replace(_OF_MEANS, _OF_DRAWS)
        # Without a regulariser there is no price on using them.
        is_priced = _objective(recipe).is_regularised
        return f"{text}\n{_MAY_IGNORE_LATENTS}" if is_priced else text

    def loading_code(self, data):
        """Returns Python code that loads the model and samples from it."""
        sample = "model.sample(16, seed=0)"
        if data.context_shape is not None:
            shape = ", ".join(map(str, (16, *data.context_shape)))
            sample = f"model.sample(16, seed=0, context=contexts)  # contexts: [{shape}]"
        return f"{card.LOAD}\nimages = {sample}"


def _second_stage(recipe, image_shape, context_shape=None):
    """Returns a pretrained or exported model with the recipe's energy-based prior."""
    arguments = recipe.architecture["arguments"]
    backbone, shapes = zoo.load(arguments["backbone"]), (image_shape, context_shape)
    if shapes != (backbone.image_shape, backbone.context_shape):
        raise UsageError(
            f"The second stage of {recipe.name} needs the images that its {arguments['backbone']} "
            f"was trained on, of shape {backbone.image_shape}. Received: {recipe.data['name']}, of "
            f"shape {image_shape}"
        )
    return zoo.with_energy_prior(backbone, registry.build("prior", arguments["prior"]))


def _check_conditional(recipe):
    """Refuses a context for a model that would leave it unused."""
    architecture = registry.find("architecture", recipe.architecture["class_name"])
    if "context_shape" not in inspect.signature(architecture).parameters:
        raise UsageError(
            f"The images of {recipe.data['name']} come with context images, and the architecture "
            f"of {recipe.name}, {architecture.__name__}, models images alone. Choose a recipe of a "
            "conditional architecture, ConvDRAW: conv_draw_digits or conv_draw_mnist, for instance."
        )


def _objective(recipe):
    return registry.find("objective", recipe.objective["class_name"])


def _num_samples(model, data):
    """As many samples as fill a picture, of at most as many contexts as there are."""
    if model.context_shape is None:
        return figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
    num_contexts = min(figures.NUM_SAMPLE_ROWS, data.num_examples["test"])
    return num_contexts * model_pictures.SAMPLES_PER_CONTEXT


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

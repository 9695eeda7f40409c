"""Latent-variable models of images."""

import inspect

import tensorflow as tf

import zoo
from training import figures
from training.evaluation import bits_per_dimension, feasibility
from training.figures import filled_in, model_pictures
from training.kinds.fit_prior import FitPrior
from training.kinds.kind import Kind, register
from training.kinds.latent_model_card import LatentModelCard
from training.kinds.optimizers import make_optimizer
from zoo import registry
from zoo.errors import UsageError
from zoo.models.any_tolerance import LEAST_IMAGES

__all__ = ["LatentModel"]

_MOST_TO_CALIBRATE = 2000
_MOST_TO_PRETRAIN = 1000


@register
class LatentModel(LatentModelCard, Kind):
    """A latent-variable model: rate, distortion, constraints, and bits a dimension."""

    name = "latent-variable model"
    model_class = zoo.LatentImageModel
    has_latents = True
    measured_how = ", with z drawn"

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
        if model.takes_mask:
            metrics["fills_in"] = True
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
        if model.takes_mask:
            filled_in.save_filled_in(folder / "filled_in.png", model, examples["image"], as_images)
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


def _num_samples(model, data):
    """As many samples as fill a picture, of at most as many contexts as there are."""
    if model.context_shape is None:
        return figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
    num_contexts = min(figures.NUM_SAMPLE_ROWS, data.num_examples["test"])
    return num_contexts * model_pictures.SAMPLES_PER_CONTEXT

"""Diffusion models, which draw images from noise and have a bound on their likelihood."""

import numpy as np

import zoo
from training import figures
from training.evaluation import bits_per_dimension
from training.figures import model_pictures
from training.kinds import card
from training.kinds.kind import Kind, register
from training.kinds.optimizers import make_optimizer
from zoo import registry

__all__ = ["Diffusion"]

_NOISE_LEVELS = (0.1, 0.25, 0.5)


@register
class Diffusion(Kind):
    """A diffusion model: its bound in bits a dimension, samples, images drawn from noised ones."""

    name = "diffusion model"
    model_class = zoo.Diffusion
    measured_how = ", each at one random step"
    intended_use = """## Intended use

Research and teaching: a generator whose latents have the image's own topology.

## Limitations

- It has no encoder: it neither encodes nor compresses. A sample takes all of its steps.
- Bits a dimension are an upper bound, estimated at a few steps an image."""

    def build(self, recipe, image_shape, context_shape, num_classes):
        """Returns the compiled model; data with context are refused."""
        self.refuse_context(recipe, context_shape)
        model = registry.build("architecture", recipe.architecture, image_shape=image_shape)
        objective = registry.build("objective", recipe.objective)
        model.compile(make_optimizer(recipe), objective=objective, seed=recipe.seed)
        return model

    def run_metrics(self, model, data, rows, test_logs, num_test_images):
        """Adds the bound in bits a dimension."""
        metrics = super().run_metrics(model, data, rows, test_logs, num_test_images)
        return metrics | {"bits_per_dimension": bits_per_dimension.measure(model, data)}

    def save_figures(self, model, data, recipe, rows, folder):
        """Saves samples, and images of the test split drawn anew from noised ones."""
        as_images = data.channels_are_images
        num = figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
        samples = model_pictures.draw_samples(model, num)
        model_pictures.save_samples(folder / "samples.png", *samples, as_images)
        num = min(figures.NUM_COLUMNS, data.num_examples["test"])
        images = data.sample_examples("test", num, seed=0)["image"]
        rows = [images / np.float32(255)]
        rows += [model.reconstruct(images, seed=0, noise_level=level) for level in _NOISE_LEVELS]
        reconstructions = np.concatenate([np.asarray(row) for row in rows])
        figures.save_grid(
            folder / "reconstructions.png", reconstructions, channels_are_images=as_images
        )

    def summary(self, metrics):
        """Says in a line what a run reached."""
        return (
            f"On the test split: at most {metrics['bits_per_dimension']['value']:.3f} bits a "
            f"dimension, the noise predicted with an error of "
            f"{metrics['test']['denoising_error']:.4f}."
        )

    def figures_text(self, recipe, data, metrics):
        """Returns the pictures in Markdown."""
        return f"""![Samples](figures/samples.png)

Samples.

![Reconstructions](figures/reconstructions.png)

Above images of the test split; below each what is drawn from it after {
            ", ".join(f"{level:.0%}" for level in _NOISE_LEVELS)
        } of the steps towards noise."""

    def measure_rows(self, data, metrics):
        """Returns the bound and its parts."""
        test, bits = metrics["test"], metrics["bits_per_dimension"]
        return [
            ("bits a dimension", f"{bits['value']:.4g}", "upper bound, 256 levels"),
            ("denoising error", f"{test['denoising_error']:.4g}", "of noise of variance 1"),
            ("rate", f"{test['rate']:.4g}", "nats an image"),
            ("distortion", f"{test['distortion']:.4g}", "nats an image, of the 256 levels"),
        ]

    def training_rows(self, recipe, data):
        """Returns the objective in words."""
        return {"objective": registry.find("objective", recipe.objective["class_name"]).summary}

    def loading_code(self, data):
        """Returns Python code that loads the model and samples from it."""
        return f"{card.LOAD}\nimages = model.sample(16, seed=0)"

"""Infusion models, which turn noise into images in steps, without latents."""

import zoo
from training import figures
from training.figures import model_pictures
from training.kinds import card
from training.kinds.kind import Kind, register
from training.kinds.optimizers import make_optimizer
from zoo import registry
from zoo.errors import MismatchError

__all__ = ["InfusionModel"]

_OBJECTIVE = {"class_name": "Infusion", "arguments": {}}


@register
class InfusionModel(Kind):
    """An infusion model: the error of infused chains, and pictures of chains."""

    name = "infusion model"
    model_class = zoo.InfusionModel
    intended_use = """## Intended use

Research and teaching: a generator that learns to denoise in steps, the baseline of the sequential
VAE.

## Limitations

- It has no latents: it neither encodes nor compresses, and has no bound on its likelihood.
- An infused chain has seen pixels of the image itself, so its error is no reconstruction error."""

    def build(self, recipe, image_shape, context_shape, num_classes):
        """Returns the compiled model; data with context are refused."""
        self.refuse_context(recipe, context_shape)
        if recipe.objective != _OBJECTIVE:
            raise MismatchError(
                "objective",
                f"{_OBJECTIVE['class_name']}, without arguments, which trains an InfusionModel",
                f"{recipe.objective['class_name']} of {recipe.name}",
                "leave $objective out",
            )
        model = registry.build("architecture", recipe.architecture, image_shape=image_shape)
        model.compile(make_optimizer(recipe), seed=recipe.seed)
        return model

    def save_figures(self, model, data, recipe, rows, folder):
        """Saves samples, and the images after each step of infused chains and of samples."""
        as_images = data.channels_are_images
        num = figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
        samples = model_pictures.draw_samples(model, num)
        model_pictures.save_samples(folder / "samples.png", *samples, as_images)
        num = min(figures.NUM_COLUMNS, data.num_examples["test"])
        images = data.sample_examples("test", num, seed=0)["image"]
        model_pictures.save_steps(folder, model, images, as_images)

    def summary(self, metrics):
        """Says in a line what a run reached."""
        test = metrics["test"]
        return (
            f"On the test split: the last step of infused chains has rmse {test['rmse']:.4f}, "
            f"distortion {test['distortion']:.1f} nats an image."
        )

    def figures_text(self, recipe, data, metrics):
        """Returns the pictures in Markdown."""
        return """![Samples](figures/samples.png)

Samples: means of the last step of chains from noise.

![Steps of samples](figures/steps_of_samples.png)

In each row a sample after each step.

![Steps of infused chains](figures/steps_of_reconstructions.png)

In each row an image of the test split, and a chain from noise that its pixels were infused into, as
in training, after each step."""

    def measure_rows(self, data, metrics):
        """Returns the error and the distortion of the last step."""
        test = metrics["test"]
        return [
            ("rmse", f"{test['rmse']:.4g}", "pixel units, of the last step of infused chains"),
            ("distortion", f"{test['distortion']:.4g}", "nats an image, -log p of the last step"),
        ]

    def training_rows(self, recipe, data):
        """Returns the objective in words."""
        return {
            "objective": "infusion training (Bordes, Honari & Vincent 2017): each step's "
            "likelihood of the data, along chains into which a share of the data's pixels is "
            "infused, later steps weighted more."
        }

    def loading_code(self, data):
        """Returns Python code that loads the model and samples from it."""
        return f"{card.LOAD}\nimages = model.sample(16, seed=0)"

"""What an infusion model's run measures on the test split, and its pictures."""

import numpy as np

from training import figures
from training.evaluation import measures
from training.figures import model_pictures
from training.kinds import infusion_card

__all__ = ["final_metrics", "make_card", "save_figures", "summary"]

make_card = infusion_card.make_card


def final_metrics(model, data, recipe, progress, test_logs, num_test_images):
    """Gathers a run's final measures: JSON-ready values, as `evaluation.measures` has them."""
    del data
    return {
        "test": {name: float(np.squeeze(value)) for name, value in test_logs.items()},
        "test_images": num_test_images,
        **measures.training_facts(model, recipe, progress),
    }


def save_figures(model, data, recipe, progress, folder):
    """Saves samples, and the images after each step of infused chains and of samples."""
    del recipe, progress
    as_images = data.channels_are_images
    samples = model.sample(figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS, seed=0)
    figures.save_grid(folder / "samples.png", np.asarray(samples), channels_are_images=as_images)
    num = min(figures.NUM_COLUMNS, data.num_examples["test"])
    images = data.sample_examples("test", num, seed=0)["image"]
    model_pictures.save_steps(folder, model, images, as_images)


def summary(metrics):
    """Says in a line what a run reached."""
    test = metrics["test"]
    return (
        f"On the test split: the last step of infused chains has rmse {test['rmse']:.4f}, "
        f"distortion {test['distortion']:.1f} nats an image."
    )

"""What a latent-variable model's run gives: its measures, pictures and card."""

from training import figures
from training.evaluation import measures
from training.figures import model_pictures
from training.kinds import card

__all__ = ["final_metrics", "make_card", "save_figures", "summary"]

final_metrics = measures.final_metrics
make_card = card.make_card


def summary(metrics):
    """Says in a few lines what a run reached, and what it did not."""
    test = metrics["test"]
    tolerance = metrics["tolerances"].get("ReconstructionError")
    asked = "" if tolerance is None else f" (tolerance {tolerance:g})"
    # A model whose likelihood has no mean has no error of it either.
    error = f"rmse {test['rmse']:.4f}{asked}, " if "rmse" in test else ""
    bits = metrics["bits_per_dimension"]["value"]
    text = (
        f"On the test split: {error}rate {test['rate']:.1f} nats an image, at most {bits:.3f} "
        "bits a dimension."
    )
    return "\n".join([text, *measures.shortfalls(metrics)])


def save_figures(model, data, recipe, progress, folder):
    """Saves reconstructions, samples, chains where there are any, and the trajectory."""
    num = min(2 * figures.NUM_COLUMNS, data.num_examples["test"])
    examples = data.sample_examples("test", num, seed=0)
    model_pictures.save_reconstructions(
        folder / "reconstructions.png", model, examples, data.channels_are_images
    )
    samples, contexts = model_pictures.draw_samples(model, _num_samples(model, data), data)
    model_pictures.save_samples(folder / "samples.png", samples, contexts, data.channels_are_images)
    if model_pictures.has_chains(model):
        path = folder / "markov_chains.png"
        model_pictures.save_markov_chains(path, model, data.channels_are_images)
    if model.has_chain:
        as_images = data.channels_are_images
        model_pictures.save_steps(folder, model, examples["image"], as_images)
    figures.save_trajectory(
        folder / "trajectory.png", progress.rows, data.image_shape, recipe.tolerances
    )


def _num_samples(model, data):
    """As many samples as fill a picture, of at most as many contexts as there are."""
    if model.context_shape is None:
        return figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
    num_contexts = min(figures.NUM_SAMPLE_ROWS, data.num_examples["test"])
    return num_contexts * model_pictures.SAMPLES_PER_CONTEXT

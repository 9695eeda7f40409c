"""Finds what measures and draws the run of a recipe, by the kind of model that it trains."""

from training.kinds import classifier_results, infusion_results, latent_model_results

__all__ = ["of"]

_MODULES = {
    "classifier": classifier_results,
    "infusion model": infusion_results,
    "latent-variable model": latent_model_results,
}


def of(recipe):
    """Returns the module of the recipe's kind of model.

    Each has, of a run,

    - `final_metrics(model, data, recipe, progress, test_logs, num_test_images)`: JSON-ready values;
    - `save_figures(model, data, recipe, progress, folder)`;
    - `make_card(recipe, data, metrics)`: Markdown;
    - `summary(metrics)`: a few lines for the terminal.
    """
    return _MODULES[recipe.kind]

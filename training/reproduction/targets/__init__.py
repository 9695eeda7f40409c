"""The targets, by name, in the order of the papers."""

from training.reproduction.targets import (
    blur_map,
    figure_2,
    figure_3,
    figure_4,
    figure_5,
    figure_6,
    figure_7,
    figure_8,
    info_vae_metrics,
    pixel_vae_information,
    sequential_chain,
    table_2,
)

__all__ = ["TARGETS"]

_MODULES = (
    figure_2,
    figure_3,
    figure_4,
    figure_5,
    table_2,
    figure_6,
    figure_7,
    figure_8,
    blur_map,
    sequential_chain,
    pixel_vae_information,
    info_vae_metrics,
)
TARGETS = {module.TARGET.name: module.TARGET for module in _MODULES}

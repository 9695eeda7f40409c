"""The names of targets and scales, apart from their code, which takes seconds to load."""

__all__ = ["NAMES", "SCALES"]

NAMES = (
    *("figure-2", "figure-3", "figure-4", "figure-5", "table-2", "figure-6", "figure-7"),
    *("figure-8", "blur-map", "sequential-chain", "pixel-vae-information", "info-vae-metrics"),
)
SCALES = ("smoke", "small", "paper")

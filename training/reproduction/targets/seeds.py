"""The seeds of targets that show how far repeated trainings differ."""

__all__ = ["NUM_SEEDS", "seed_suffix"]

NUM_SEEDS = {"smoke": 1, "small": 3, "paper": 3}


def seed_suffix(seed):
    """How the name of a seed's run ends; of seed 0, which other targets share, as it is."""
    return f"_seed_{seed}" if seed else ""

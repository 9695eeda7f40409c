"""The card of a run's model."""

__all__ = ["make_card"]


def make_card(recipe, data, metrics):
    """Writes the card, Markdown."""
    return f"# {recipe.name}\n"

"""An extension of Griffe, which reads the docstrings for the site: "Example:" is a section."""

import griffe

__all__ = ["Examples"]


class Examples(griffe.Extension):
    """Renames the section to what Griffe shows as code; it knows "Examples:" alone."""

    def on_object(self, *, obj, **others):
        """Is called by Griffe for each class and function."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")

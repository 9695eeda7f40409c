"""Exports without their check, which runs each signature once more: most of an export's time."""

from unittest import mock

from zoo.serving import saved_model

__all__ = ["unchecked_exports"]


def unchecked_exports():
    """Returns a context in which exports are not run: for tests that are not about the check."""
    return mock.patch.object(saved_model, "check_export")

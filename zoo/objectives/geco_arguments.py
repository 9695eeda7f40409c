"""Checks of GECO's arguments."""

from zoo import checks
from zoo.constraints import Constraint
from zoo.errors import SettingError
from zoo.objectives.multiplier_table import MultiplierTable

__all__ = ["as_bounds", "as_constraints", "table_of"]

_LARGEST_LOG_FLOAT = 88.0


def as_constraints(constraints):
    """Returns a list of constraints, at least one, each with a name of its own."""
    constraints = list(constraints) if isinstance(constraints, list | tuple) else [constraints]
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise ValueError(
                "GECO takes a zoo.constraints.Constraint or a list of them. "
                f"Received: {constraint!r}"
            )
    names = [constraint.name for constraint in constraints]
    if not names:
        raise ValueError("GECO needs at least one constraint. Received: []")
    if len(set(names)) < len(names):
        raise ValueError(
            "Each constraint of GECO needs a name of its own: pass name= to those that share one. "
            f"Received the names {names}"
        )
    if "rate" in names:
        raise ValueError(
            "A constraint of GECO cannot have the name of what is minimised, 'rate': pass another "
            "name= to it."
        )
    return constraints


def table_of(constraints, update):
    """Returns the `MultiplierTable` of a constraint with a range, or None."""
    ranges = [constraint.range for constraint in constraints if constraint.range is not None]
    if not ranges:
        return None
    if len(constraints) > 1:
        raise ValueError(
            f"The range of tolerances from {ranges[0]} must be GECO's only constraint: beside it "
            "the multiplier of each other one would be a function of the tolerance, too. Received: "
            f"{[c.name for c in constraints]}. Give each one tolerance, or drop the others."
        )
    if update == "algorithm-1":
        raise SettingError(
            "update",
            f"'proportional-integral' for the range of tolerances from {ranges[0]}: algorithm-1, "
            "the paper's rule, is about one",
            update,
        )
    return MultiplierTable(constraints[0])


def as_bounds(bounds):
    """Returns (least, most) log λ as floats."""
    are_numbers = isinstance(bounds, list | tuple) and all(map(checks.is_number, bounds))
    if not are_numbers or len(bounds) != 2 or not bounds[0] < bounds[1] <= _LARGEST_LOG_FLOAT:
        expected = f"(least, largest) log λ, finite, in this order, at most {_LARGEST_LOG_FLOAT:g}"
        raise SettingError("log_multiplier_bounds", f"{expected}: beyond, λ overflows", bounds)
    return tuple(float(bound) for bound in bounds)

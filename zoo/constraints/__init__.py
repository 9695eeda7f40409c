"""What GECO may bound. Every constraint is feasible where its value is at most 0."""

from zoo.constraints.constraint import Constraint
from zoo.constraints.reconstruction_error import ReconstructionError

__all__ = ["Constraint", "ReconstructionError"]

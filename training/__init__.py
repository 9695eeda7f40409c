"""What a user runs: recipes, data sets, training runs, figures, the command line."""

import zoo  # noqa: F401  TensorFlow, imported after it, is quiet.

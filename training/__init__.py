"""What a user runs: recipes, data sets, training runs, figures, the command line."""

"""Training runs: their course, their directory, and what they stand on."""

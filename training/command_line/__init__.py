"""The command line `vae-zoo`, also `python -m training`."""

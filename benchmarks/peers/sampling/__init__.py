"""PixelVAE's sampling beside the same in PyTorch: see __main__.py."""

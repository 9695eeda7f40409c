"""Our training steps beside the same networks in PyTorch: see __main__.py."""

"""`vae-zoo serve`: from a model's name or folder to a running TensorFlow Serving."""

"""What every trained model of the zoo stands on: reading of batches, checks around `fit`."""

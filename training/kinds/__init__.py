"""What can be trained: each kind of model, what makes it, measures it and describes it."""

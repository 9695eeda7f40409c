"""The states of a model's seed generators, which Keras keeps apart from its weights."""

import keras

__all__ = ["SeedStates"]


class SeedStates(keras.layers.Layer):
    """Saves, with the model that keeps it, the states of the model's seed generators.

    Keras saves weights alone, so a `Dropout` in a loaded network would draw other masks than the
    network that was saved, and a resumed run would not be the run that never stopped.

    Args:
        model: The Keras model.
    """

    def __init__(self, model):
        super().__init__(name="seed_states")
        # Asked when they are wanted: a layer may make its generator when it is first called. Not
        # an attribute that is the model: saving walks those, and would go round in circles.
        self._find = lambda: _find_states(model)
        self.built = True

    def save_own_variables(self, store):
        """Saves the state of each generator under its number."""
        for number, state in enumerate(self._find()):
            store[str(number)] = state.numpy()

    def load_own_variables(self, store):
        """Loads the states that were saved; older files have none."""
        for number, state in enumerate(self._find()):
            if str(number) in store:
                state.assign(store[str(number)])


def _find_states(model):
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]

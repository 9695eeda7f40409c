"""Whether a file of saved weights holds the state of an objective."""

import collections
import io
import zipfile

import h5py

__all__ = ["holds_state_of"]


def holds_state_of(path, objective):
    """Whether variables of the shapes of the objective's are saved where a model's objective is.

    Args:
        path: What `keras.Model.save_weights` or `save` wrote, HDF5 or `.keras`; of another format
            it is taken for granted.
        objective: An attached `zoo.objectives.Objective`.
    """
    saved = _saved_shapes(path)
    return saved is None or not collections.Counter(w.shape for w in objective.weights) - saved


def _saved_shapes(path):
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            path = io.BytesIO(archive.read("model.weights.h5"))
    elif not h5py.is_hdf5(path):
        return None
    shapes = collections.Counter()

    def count(_, item):
        if isinstance(item, h5py.Dataset):
            shapes[item.shape] += 1

    with h5py.File(path, "r") as file:
        if "_objective" in file:  # Named after the attribute of the model that holds it.
            file["_objective"].visititems(count)
    return shapes

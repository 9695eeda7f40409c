"""Changes what a running server serves, in steps that it takes.

TensorFlow Serving reads `models.config` again and again. It refuses the whole file while a label in
it moves to a version that is not loaded, and never loads that version for it. A model whose folder
is missing makes it wait, and it takes no other change until the folder is there.
"""

import dataclasses
import os
import pathlib

from training.serve import folder_lock
from training.serve.loading import fail, loaded_versions, wait_until_loaded
from zoo.errors import UserError
from zoo.serving.server_configuration import MODELS_FILE, read_models_config

__all__ = ["LOG_FILE", "RunningServer", "find"]

LOG_FILE = "server.log"


def find(directory, rest_port):
    """Returns the `RunningServer` that `vae-zoo serve` started from a folder, or None.

    Args:
        directory: The folder.
        rest_port: Where it answers REST, should it not have said so itself.
    """
    facts = folder_lock.read(directory)
    if facts is None:
        return None
    return RunningServer(directory, facts.get("rest_port", rest_port), facts.get("base_paths"))


@dataclasses.dataclass(frozen=True)
class RunningServer:
    """A server that reads a folder's files.

    Attributes:
        directory: The folder.
        rest_port: Where it answers REST.
        base_paths: The models' folders that it sees, a list; None: all of this machine.
    """

    directory: str
    rest_port: int
    base_paths: list | None = None

    def check(self, models):
        """Checks that the server will be able to take up these models.

        Raises:
            UserError: It would wait for a folder that it cannot see.
        """
        for model in models:
            if self.base_paths is not None and model.base_path not in self.base_paths:
                raise UserError(
                    f"The server that runs from {self.directory} is in a container and sees the "
                    f"folders that it was started with alone. It would wait for {model.base_path} "
                    "and take no further change. Stop it and start it with all models, or give "
                    "another --directory and other ports."
                )
        for model in self._served().values():
            if not os.path.isdir(model.base_path):
                raise UserError(
                    f"The server that runs from {self.directory} waits for {model.base_path}, "
                    f"which is missing, and takes no change before it is there. Make it (mkdir -p "
                    f"{model.base_path}; it may stay empty), then do this again."
                )

    def what_ends(self, models):
        """Returns models and labels that it serves now and would not with `models`, in words."""
        stay = {model.name: model for model in models}
        ended = []
        for name, model in self._served().items():
            if name not in stay:
                ended.append(f"the model {name}")
                continue
            gone = sorted(set(model.labels) - set(stay[name].labels))
            ended += [f"the label {label} of {name}" for label in gone]
        return ended

    def first_step(self, models):
        """Returns what must be served before the labels of `models` can be set.

        Returns:
            `ServedModel`s that load every version and leave the labels that cannot be set yet
            where they are; None where all can be set at once.
        """
        before = self._served()
        steps = [self._with_labels_as_they_are(model, before.get(model.name)) for model in models]
        return None if steps == list(models) else steps

    def wait_until_loaded(self, models):
        """Waits until the versions of models that have labels are loaded.

        Raises:
            UserError: One could not be loaded, or the server ended.
        """
        versions = {model.name: model.versions for model in models if model.versions}
        log = os.path.join(self.directory, LOG_FILE)
        wait_until_loaded(versions, self.rest_port, log, lambda: self._check_running(log))

    def _served(self):
        """Returns the models of the file as it stands, a dict of name to `ServedModel`."""
        try:
            text = pathlib.Path(self.directory, MODELS_FILE).read_text(encoding="utf-8")
            return {model.name: model for model in read_models_config(text)}
        except (OSError, ValueError):  # Nothing that could be kept.
            return {}

    def _with_labels_as_they_are(self, model, before):
        loaded = loaded_versions(model.name, self.rest_port) if model.labels else set()
        if loaded >= set(model.labels.values()):
            return model
        labels = {} if before is None else before.labels
        kept = {label: version for label, version in labels.items() if version in loaded}
        versions = tuple(sorted({*model.versions, *kept.values()}))
        return dataclasses.replace(model, versions=versions, labels=kept)

    def _check_running(self, log):
        if not folder_lock.is_held(self.directory):
            fail(f"The server that ran from {self.directory} has ended", log)

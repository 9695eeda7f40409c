"""Taking a model to TensorFlow Serving and back: signatures, export, warm-up, loading."""

import importlib

# No module may have the name of a function here: importing it would hide the function.
_HOMES = {
    "AccessDeniedError": "zoo.serving.client.errors",
    "Batching": "zoo.serving.server_configuration",
    "Client": "zoo.serving.client",
    "DeadlineExceededError": "zoo.serving.client.errors",
    "InvalidInputError": "zoo.serving.client.errors",
    "ModelNotFoundError": "zoo.serving.client.errors",
    "OverloadedError": "zoo.serving.client.errors",
    "ServingError": "zoo.serving.client.errors",
    "SignatureNotFoundError": "zoo.serving.client.errors",
    "UnreachableError": "zoo.serving.client.errors",
    "export": "zoo.serving.saved_model",
    "load_exported": "zoo.serving.keras_config",
    "make_classifier_signatures": "zoo.serving.signatures",
    "make_sampler_signatures": "zoo.serving.signatures",
    "make_signatures": "zoo.serving.signatures",
    "publish": "zoo.serving.versions",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    # Loaded when first used (PEP 562): a client of a served model need not wait for TensorFlow.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(
        f"module 'zoo.serving' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__():
    return __all__

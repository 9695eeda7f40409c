"""Makes from a recipe the objective that it describes, with its parts."""

import inspect

import zoo
from zoo.errors import UsageError
from zoo.names import did_you_mean

__all__ = ["look_up", "make_likelihood", "make_objective"]

_OBJECTIVES = ("ELBO", "GECO", "InfoVAE", "Unregularised")
_CONSTRAINTS = (
    "ReconstructionError",
    "FeatureReconstructionError",
    "ClassificationAccuracy",
    "PatchCorrelation",
)
_DIVERGENCES = ("MMD", "Stein", "Adversarial")
_LIKELIHOODS = ("Gaussian", "Bernoulli", "ContinuousBernoulli", "DiscretizedLogisticMixture")
_SCHEDULES = ("Linear", "Cosine", "PixelScaleAnnealing")


def make_objective(config):
    """Makes an objective.

    Args:
        config: `{"class_name", "arguments"}`. Among the arguments a constraint, a divergence or a
            schedule has the same form; a constraint's `classifier` is the name or path of a
            classifier, and so are `features`, which then are that classifier's.

    Raises:
        UsageError: There is no such class, argument or classifier.
        ValueError: A value is refused.
    """
    objective = look_up(zoo, config, _OBJECTIVES, "objective")
    arguments = dict(config["arguments"])
    if "constraints" in arguments:
        arguments["constraints"] = [_make_constraint(c) for c in arguments["constraints"]]
    if "divergence" in arguments:
        arguments["divergence"] = _make(
            zoo.divergences, arguments["divergence"], _DIVERGENCES, "divergence"
        )
    if isinstance(arguments.get("beta"), dict):
        arguments["beta"] = _make(zoo.schedules, arguments["beta"], _SCHEDULES, "schedule")
    return objective(**arguments)


def make_likelihood(config):
    """Makes a likelihood of `{"class_name", "arguments"}`; raises as `make_objective` does."""
    return _make(zoo.distributions, config, _LIKELIHOODS, "likelihood")


def _make_constraint(config):
    arguments = dict(config["arguments"])
    if "classifier" in arguments:
        arguments["classifier"] = _load_classifier(arguments["classifier"])
    if "features" in arguments:
        arguments["features"] = _load_classifier(arguments["features"]).features
    return _make(zoo.constraints, config | {"arguments": arguments}, _CONSTRAINTS, "constraint")


def _load_classifier(name_or_path):
    try:
        classifier = zoo.load(name_or_path)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    if not isinstance(classifier, zoo.ConvClassifier):
        raise UsageError(
            f"A constraint looks at images through a classifier, and {name_or_path} is a "
            f"{type(classifier).__name__}. Choose from {', '.join(_classifier_names())}."
        )
    return classifier


def _classifier_names():
    return [name for name in zoo.list_models() if name.startswith("classifier_")]


def _make(module, config, known, kind):
    return look_up(module, config, known, kind)(**config["arguments"])


def look_up(module, config, known, kind):
    """Finds a class, and checks the names of its arguments before it is called.

    Args:
        module: Where the class is.
        config: `{"class_name", "arguments"}`.
        known: The names to choose from.
        kind: What it is called in errors.

    Raises:
        UsageError: There is no such class, or it has no such arguments.
    """
    name = config["class_name"]
    if name not in known:
        raise UsageError(
            f"There is no {kind} {name!r}.{did_you_mean(name, known)} "
            f"Choose from {', '.join(known)}."
        )
    found = getattr(module, name)
    accepted = inspect.signature(found).parameters
    unknown = sorted(set(config["arguments"]) - set(accepted))
    if unknown:
        raise UsageError(f"{name} has no arguments {unknown}; it has {', '.join(accepted)}.")
    return found

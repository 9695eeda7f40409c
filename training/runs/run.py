"""A training run: data, model, fit, evaluation, figures, card, export."""

import contextlib

import keras
import tensorflow as tf

from training import datasets, kinds
from training.runs import provenance, strategies
from training.runs.callbacks import SaveProgress, StopAtStep, WarnOfGap, WriteImages
from training.runs.checkpoints import CheckpointStore
from training.runs.progress_table import ProgressTable
from training.runs.run_directory import RunDirectory
from training.runs.same_data import check_same_data, describe_data
from training.runs.stages import stage
from zoo.errors import BatchError, MismatchError, UserError
from zoo.serving.plain_path import plain_path

__all__ = ["train"]

_NUM_TENSORBOARD_IMAGES = 8
_MORE_IMAGES = ", or cut large photographs into many with $fit=patches"
_MEND_AND_RESUME = (
    "Mend what this names (a full disk: make room), then run the same command with --resume."
)


def train(
    recipe,
    directory,
    resume=False,
    strategy=None,
    verbose=True,
    export=True,
    changed_data=False,
    callbacks=(),
    results=True,
):
    """Trains as the recipe says and fills the run directory.

    Args:
        recipe: A `Recipe`.
        directory: The run directory; must be new, unless `resume`.
        resume: Continue the run in the directory from its last checkpoint, to the same end as if
            it had never stopped.
        strategy: One of `strategies.NAMES`.
        verbose: Whether to print each stage, and a row an epoch; see `ProgressTable`.
        export: Whether to write a SavedModel, too. `zoo.load` needs one; the commands read
            checkpoints as well.
        changed_data: Whether to resume with other images than the run began with.
        callbacks: Keras callbacks of your own, called after the run's.
        results: Whether to measure the trained model on the test split and write what follows:
            `metrics.json`, figures, card and export. To resume a finished run makes up for it.

    Returns:
        The trained model and the values of `metrics.json` (None without results, and in a process
        that is not the chief of several).

    Raises:
        UserError: A foreseen failure; the message says what to do, and no checkpoint is lost.
    """
    run_directory = RunDirectory(directory)
    strategy = strategies.make_strategy(strategy)
    strategies.check_batch_size(recipe.batch_size, strategy)
    is_chief = strategies.is_chief(strategy)
    is_shown = verbose and is_chief
    told = stage if is_shown else contextlib.nullcontext
    if resume:
        _check_same_recipe(recipe, run_directory)
    elif is_chief:
        run_directory.check_free()
    with told(f"Reading {recipe.data['name']}"):
        data = datasets.load_for(recipe)
    if resume:
        check_same_data(data, run_directory, changed_data, is_chief)
    kind = kinds.of_recipe(recipe)
    _check_batch_fits(recipe, data)
    kind.train_batches(recipe, data, 0)  # Raises for settings that the images cannot take.
    with told("Building the model"), strategy.scope():
        model = kinds.make_model(recipe, data)
    if is_chief and not resume:
        made_with = provenance.made_with() | {"data": describe_data(data)}
        run_directory.create({**recipe.to_dict(), "made_with": made_with})

    progress = _fit(kind, model, data, recipe, run_directory, resume, strategy, is_shown, callbacks)
    if not results:
        return model, None
    finished = kind.finish(model, data, recipe.batch_size, told)
    test_batches, num_test_images = _full_batches(data, "test", recipe, strategy)
    with told(f"Measuring on {num_test_images:,} images of the test split"):
        test_logs = model.evaluate(test_batches, return_dict=True, verbose=0)
        if not is_chief:
            return model, None
        rows = progress.rows
        metrics = kind.run_metrics(model, data, rows, test_logs, num_test_images)
        metrics |= provenance.facts(model, recipe, progress) | finished
        if changes := run_directory.read_made_with().get("data_changes"):
            metrics["data_changes"] = changes
    with _training_is_kept(run_directory):
        _write_results(kind, model, data, recipe, rows, metrics, run_directory, told, export)
    return model, metrics


def _check_batch_fits(recipe, data):
    num_images = data.num_examples["train"]
    if recipe.batch_size > num_images:
        more = _MORE_IMAGES if data.name.startswith("folder:") else ""
        raise MismatchError(
            "batch_size",
            f"$batch_size to be at most the {num_images} training images of {data.name}",
            recipe.batch_size,
            f"give $batch_size={num_images} or less{more}",
        )


def _check_same_recipe(recipe, run_directory):
    """Refuses to continue a run with other settings, for which no uninterrupted run exists."""
    before = run_directory.read_recipe().to_dict()
    ignored = ("description", "fidelity")
    changed = [
        f"{name} is {value!r} and was {before[name]!r}"
        for name, value in recipe.to_dict().items()
        if value != before[name] and name not in ignored
    ]
    if changed:
        raise MismatchError(
            "resume",
            "$resume to continue a run as it was begun",
            f"{run_directory.path}, where {'; '.join(changed)}",
            "give the settings of the first command, or another $directory",
        )


# === Training ===


def _fit(kind, model, data, recipe, run_directory, resume, strategy, is_shown, others):
    """Trains from the last checkpoint, or from the beginning; returns the final `Progress`."""
    is_chief = strategies.is_chief(strategy)
    store = CheckpointStore(run_directory.checkpoints, read_only=not is_chief)
    progress = store.restore(model)
    strategies.check_same_step(strategy, progress.step)
    if resume and is_chief and progress.rows:
        run_directory.write_history(progress.rows)  # Drops rows younger than the checkpoint.
    if progress.step >= recipe.steps:
        if is_shown:
            print(f"All {recipe.steps:,} steps are done: what follows training is done anew.")
        return progress
    if progress.step == 0:
        kind.begin(model, data)
    validation, _ = _full_batches(data, "validation", recipe, strategy, recipe.validation_images)
    stop = StopAtStep(recipe.steps)
    epochs = -(-recipe.steps // recipe.steps_per_epoch)
    callbacks = [stop, SaveProgress(run_directory, progress, is_chief)]
    callbacks += kind.callbacks(model, data, epochs)
    table = ProgressTable(recipe.steps)
    shown = [table] if is_shown else []
    try:
        with _watchers(kind, run_directory, data, is_chief) as watchers:
            model.fit(
                kind.train_batches(recipe, data, progress.step),
                initial_epoch=progress.epoch,
                epochs=epochs,
                steps_per_epoch=min(recipe.steps_per_epoch, recipe.steps),
                validation_data=validation,
                callbacks=[*callbacks, *watchers, *shown, *others],
                verbose=0,
            )
    except BatchError as error:
        raise UserError(_stopped_message(error, stop.steps_done, store)) from error
    except BrokenPipeError:  # The reader of the progress lines has left: nothing is wrong here.
        raise
    except (OSError, tf.errors.OpError) as error:
        raise UserError(_failed_message(error, stop.steps_done, store)) from error
    finally:
        table.close()
    return progress


@contextlib.contextmanager
def _watchers(kind, run_directory, data, is_chief):
    """Yields the callbacks that show how training goes."""
    if not is_chief:
        yield []
        return
    run_directory.tensorboard.mkdir(parents=True, exist_ok=True)
    with plain_path(run_directory.tensorboard) as folder:
        callbacks = [keras.callbacks.TensorBoard(folder, write_graph=False)]
        if kind.draws_images:
            num = min(_NUM_TENSORBOARD_IMAGES, data.num_examples["validation"])
            examples = data.sample_examples("validation", num, seed=0)
            callbacks.append(WriteImages(folder, examples, data.channels_are_images))
        if kind.has_latents:
            callbacks.append(WarnOfGap())
        yield callbacks


def _stopped_message(error, step, store):
    return (
        f"Training stopped at step {step}: {str(error).rstrip('.')}. {_kept(store)}. If the data "
        "are at fault, mend them and run the same command with --resume; if the loss grew without "
        "bound, start anew with a lower --learning-rate and another --directory."
    )


def _failed_message(error, step, store):
    """Says what the system refused: TensorBoard's writers, the reading of data, a worker."""
    return f"Training stopped at step {step}: {_reason(error)}. {_kept(store)}. {_MEND_AND_RESUME}"


def _kept(store):
    steps = store.steps()
    return f"The checkpoint of step {steps[-1]} is kept" if steps else "There is no checkpoint yet"


def _reason(error):
    """The first line of an error: TensorFlow appends the graph's nodes."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return text.strip().partition("\n")[0].rstrip(". ")


def _full_batches(data, split, recipe, strategy, limit=None):
    """Returns the batches of a split (or its first images) and their number of images.

    Several replicas need batches that divide among them, so the last, smaller one is left out.
    """
    num_images = min(limit or data.num_examples[split], data.num_examples[split])
    if strategy.num_replicas_in_sync > 1:
        num_images -= num_images % recipe.batch_size
        if not num_images:
            raise MismatchError(
                "batch_size",
                f"at least one batch of {recipe.batch_size} images in the {split} split",
                f"{data.num_examples[split]} of {data.name}",
                "give a smaller $batch_size",
            )
    return data.batches(split, recipe.batch_size, num_images), num_images


# === Results ===


@contextlib.contextmanager
def _training_is_kept(run_directory):
    """Says of a failure to write results that the training itself is not lost."""
    try:
        yield
    except (OSError, RuntimeError, UserError, tf.errors.OpError) as error:
        raise UserError(
            f"The training is done and kept in {run_directory.checkpoints}, but its results could "
            f"not be written: {_reason(error)}. {_MEND_AND_RESUME}"
        ) from error


def _write_results(kind, model, data, recipe, rows, metrics, run_directory, told, export):
    with told("Drawing figures"):
        kind.save_figures(model, data, recipe, rows, run_directory.figures)
    run_directory.write_json(run_directory.metrics, metrics)
    run_directory.write_text(run_directory.card, kind.make_card(recipe, data, metrics))
    if export and not run_directory.saved_model.exists():
        metadata = {"recipe": recipe.to_dict(), "metrics": metrics}
        with told("Exporting the model, and checking what was exported"):
            model.export(str(run_directory.saved_model), metadata=metadata)

"""Processes, each of which checks or times one recipe and sends what it found."""

import contextlib
import importlib
import queue
import threading
import time

import tensorflow as tf

from benchmarks.gpu.check import answers
from benchmarks.gpu.timing import Timers, peaks
from training.recipes import find_recipe


def answer(name, device, jit_compile, results):
    """A process: sends a recipe's answers on a device."""
    _use(device)
    results.put(("answers", name, (device, jit_compile), answers(find_recipe(name), jit_compile)))


def time_recipe(name, convolution, settings, prepared, turn, results):
    """A process: prepares a recipe's timers, waits for the others, and sends a row for each."""
    _use(settings["device"])
    if convolution is not None:
        module = importlib.import_module("zoo.layers.grid_convolution")
        saves_multiplications = module._is_worthwhile
        module._is_worthwhile = lambda *sizes: (
            convolution != "direct" and saves_multiplications(*sizes)
        )
    recipe = find_recipe(name)
    batch_sizes = (recipe.batch_size, *settings["more_batch_sizes"])
    timers = Timers(recipe, batch_sizes)
    with contextlib.suppress(threading.BrokenBarrierError):
        prepared.wait()
    with turn:
        for row in timers.rows(settings["window"]):
            results.put(("row", name, convolution, row))


def time_peaks(settings, prepared, turn, results):
    """A process: sends the device's name and the fastest products."""
    _use(settings["device"])
    with contextlib.suppress(threading.BrokenBarrierError):
        prepared.wait()
    with turn:
        gpus = tf.config.get_visible_devices("GPU")
        details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
        name = details.get("device_name", settings["device"])
        results.put(("peaks", name, None, peaks(settings["peak_size"], settings["window"])))


def _use(device):
    """Has this process compute on the device alone, taking memory as it needs it."""
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def run(processes, report, on_message, write, results, deadline):
    """Starts processes and takes their messages until all have ended or time is up."""
    for process in processes:
        process.start()
    while time.monotonic() < deadline:
        alive = any(process.is_alive() for process in processes)
        try:
            message = results.get(timeout=0.5)
        except queue.Empty:
            if not alive:
                break
            continue
        on_message(report, *message)
        write(report)
    for process in processes:
        if process.is_alive():
            report["failures"].append(f"{process.name} was not done in time")
            process.terminate()
        elif process.exitcode:
            report["failures"].append(f"{process.name} ended with {process.exitcode}")
    write(report)

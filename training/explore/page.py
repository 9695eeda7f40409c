"""The page: a tab for each thing that a model can do, of several models one within another."""

import pathlib

import gradio as gr

from training.explore.tabs import compare, inpaint, interpolate, reconstruct, sample, traverse

__all__ = ["CSS", "make_page", "make_theme"]

CSS = pathlib.Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_OF_ONE_MODEL = (reconstruct, sample, interpolate, traverse, inpaint)
_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")


def make_page(models):
    """Returns the page as `gradio.Blocks`.

    Args:
        models: Models as the page asks them, such as `LocalModel`s; each with a name of its own.
    """
    with gr.Blocks(title="VAE Zoo", analytics_enabled=False) as page:
        gr.Markdown("# VAE Zoo")
        if len(models) == 1:
            gr.Markdown(f"`{models[0].name}`")
            _when(page.load, _add_tabs(models[0]))
        else:
            with gr.Tabs():
                fills = [_add_model(model) for model in models]
                _add_comparison(compare.comparable(models))
            _when(page.load, fills[0])
    return page


def make_theme():
    """Returns a theme with fonts of the user's system: others would come from elsewhere."""
    return gr.themes.Default(primary_hue="indigo", font=_SANS, font_mono=_MONO)


def _add_model(model):
    """Adds a tab for a model; returns what fills the first of its own."""
    with gr.Tab(model.name) as outer:
        fill = _add_tabs(model)
    _when(outer.select, fill)
    return fill


def _add_comparison(models):
    if len(models) > 1:
        with gr.Tab(compare.TITLE) as shown:
            fill = compare.build(models)
        _when(shown.select, fill)


def _add_tabs(model):
    """Adds the tabs of a model; returns what fills the first, the others do it when selected."""
    fills = []
    with gr.Tabs():
        for tab in _OF_ONE_MODEL:
            if tab.is_offered(model):
                with gr.Tab(tab.TITLE) as shown:
                    fills.append(tab.build(model))
                _when(shown.select, fills[-1])
    return fills[0]


def _when(listen, calls):
    """Makes calls, (function, inputs, outputs) each, one after the other at an event."""
    for call in calls:
        listen = listen(*call, show_progress="hidden").then

"""The catalogue of pretrained models: releasing one, what is measured and drawn of each, its pages.

    python -m training.catalogue                        measure what lacks measures, write the pages
    python -m training.catalogue --release runs/NAME    take a run's model into savedmodels/ first
    python -m training.catalogue --cards                licence and ledger of each card anew

`savedmodels/NAME/` holds of each model

    VERSION/          the SavedModel
    README.md         the card, with a section of what is measured of its samples and latents
    metrics.json      what its run measured on the test split, recipe.json how it was made
    measures.json     what is measured here
    figures/          the run's pictures, and those drawn here
"""

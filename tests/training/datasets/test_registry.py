import pytest

from training.datasets import load


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minst", "received 'minst'.*Did you mean mnist"),
        ("digit", "Did you mean digits"),
        ("zzz", "to be one of .*digits, .*folder:PATH, .*tfds:NAME, .*received 'zzz'"),
        ("folder:", "received 'folder:'"),
        ("tfds:", "received 'tfds:'"),
    ],
)
def test_unknown_names_are_refused_with_the_near_ones(name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


@pytest.mark.parametrize("image_size", [0, -4, 2.5, "32", True, (8,), (8, 0), (8, 8, 1)])
def test_bad_sizes_are_refused(image_size):
    with pytest.raises(ValueError, match=r"image_size must be (an int|2 ints) of at least 1"):
        load("digits", image_size=image_size)


@pytest.mark.parametrize("channels", [0, 2, 4, True, "3"])
def test_bad_channels_are_refused(channels):
    with pytest.raises(ValueError, match="channels must be one of 1, 3"):
        load("digits", channels=channels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "stretch"}, "fit must be one of 'crop', 'resize', 'exact'.*'stretch'"),
        ({"corrupt": "ignore"}, "corrupt must be one of 'refuse', 'skip'.*'ignore'"),
    ],
)
def test_unknown_choices_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load("digits", **options)

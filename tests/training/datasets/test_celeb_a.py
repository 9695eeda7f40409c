import io
import zipfile

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as official

from training.datasets import load, memory

PARTITION = [0] * 5 + [1] * 2 + [2] * 3  # of images 1 to 10, as in list_eval_partition.txt


def fake_jpeg(number):
    """A picture of noise, coarse enough to survive JPEG, whose mean colour tells its number."""
    noise = np.random.default_rng(number).integers(0, 100, (28, 23, 3), np.uint8)
    pixels = np.kron(noise + 15 * number, np.ones((8, 8, 1), np.uint8))[:218, :178]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def write_fake_files(folder):
    """Writes the five files of CelebA, with ten pictures."""
    folder.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, len(PARTITION) + 1)]

    def write_list(filename, headings, values):
        lines = [f"{name}  {values}" for name in names]
        head = [str(len(names)), " ".join(headings)] if headings else []
        (folder / filename).write_text("\n".join([*head, *lines]) + "\n")

    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for number, name in enumerate(names, start=1):
            archive.writestr(f"img_align_celeba/{name}", fake_jpeg(number))
    partition = [f"{name} {part}\n" for name, part in zip(names, PARTITION, strict=True)]
    (folder / "list_eval_partition.txt").write_text("".join(partition))
    write_list("list_attr_celeba.txt", official.ATTR_HEADINGS, " ".join(["-1"] * 40))
    write_list("list_landmarks_align_celeba.txt", official.LANDMARK_HEADINGS, " ".join(["7"] * 10))
    write_list("identity_CelebA.txt", [], "3")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A data folder as the manual steps ask for, prepared from the fake files without a network."""
    folder = tmp_path_factory.mktemp("tfds")
    manual = folder / "downloads" / "manual"
    write_fake_files(manual)
    cls = tfds.builder_cls("celeb_a")
    infos = {
        url: checksums.compute_url_info(manual / info.filename)
        for url, info in cls.url_infos.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "url_infos", infos)
        patch.setattr("training.datasets.preparation.can_reach", lambda urls: False)
        load("celeb_a", data_dir=str(folder))
    return str(folder)


def images_by_number(data):
    """All images, by split and number."""
    images = {}
    for split in data.splits:
        for image in data.arrays(split)["image"]:
            number = round((image.mean() - 49.5) / 15)
            images[number] = (split, image)
    return images


def test_the_splits_are_the_official_ones(data_dir):
    data = load("celeb_a", data_dir=data_dir)
    assert data.name == "celeb_a"
    assert data.num_classes is None
    assert data.num_examples == {"train": 5, "validation": 2, "test": 3}
    names = ["train", "validation", "test"]
    splits = {number: split for number, (split, _) in images_by_number(data).items()}
    assert splits == {number: names[part] for number, part in enumerate(PARTITION, start=1)}


@pytest.mark.parametrize("size", [64, 108])
def test_the_centre_is_cut_and_resized(data_dir, monkeypatch, size):
    monkeypatch.setenv(memory.VARIABLE, "0")  # streamed, as the real set is
    data = load("celeb_a", data_dir=data_dir, image_size=None if size == 64 else size)
    assert data.image_shape == (size, size, 3)
    batch = next(data.batches("train", 5).as_numpy_iterator())
    assert batch["image"].dtype == np.uint8
    for number, (_, image) in images_by_number(data).items():
        stored = tf.io.decode_image(fake_jpeg(number)).numpy()
        assert stored.shape == (218, 178, 3)
        window = stored[55:163, 35:143]
        if size == 108:
            np.testing.assert_array_equal(image, window)
        else:
            expected = Image.fromarray(window).resize((64, 64), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(image, np.asarray(expected), atol=1, rtol=0)


def test_another_fit_takes_the_whole_picture(data_dir):
    whole = load("celeb_a", data_dir=data_dir, fit="exact")
    assert whole.image_shape == (218, 178, 3)
    stretched = load("celeb_a", data_dir=data_dir, fit="resize", channels=1)
    assert stretched.image_shape == (64, 64, 1)
    picture = Image.fromarray(whole.arrays("validation")["image"][0])
    expected = picture.resize((64, 64), Image.Resampling.BILINEAR).convert("L")
    image = stretched.arrays("validation")["image"][0, ..., 0]
    np.testing.assert_allclose(image, np.asarray(expected), atol=2, rtol=0)


def test_without_files_and_network_the_steps_by_hand_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("training.datasets.preparation.can_reach", lambda urls: False)
    with pytest.raises(FileNotFoundError) as raised:
        load("celeb_a", data_dir=str(tmp_path))
    message = str(raised.value)
    assert str(tmp_path / "downloads" / "manual") in message
    for name in ("img_align_celeba.zip (1.34 GiB)", "identity_CelebA.txt", "list_eval_partition"):
        assert name in message


def test_a_refusal_of_google_drive_tells_the_steps_by_hand(tmp_path, monkeypatch):
    def refuse(session, method, url, **options):
        response = requests.Response()
        response.status_code = 200
        response._content = b"<html><p>Too many users have viewed or downloaded this file.</html>"
        return response

    monkeypatch.setattr("training.datasets.preparation.can_reach", lambda urls: True)
    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(FileNotFoundError) as raised:
        load("celeb_a", data_dir=str(tmp_path))
    assert "Failed to obtain confirmation link" in str(raised.value)
    assert str(tmp_path / "downloads" / "manual") in str(raised.value)


def test_a_file_that_is_not_the_original_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("training.datasets.preparation.can_reach", lambda urls: False)
    write_fake_files(tmp_path / "downloads" / "manual")
    with pytest.raises(FileNotFoundError, match="has wrong checksum"):
        load("celeb_a", data_dir=str(tmp_path))

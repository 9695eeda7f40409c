import io
import sys
import tempfile
import zipfile
from pathlib import Path

import lmdb
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download import checksums

from training.datasets import load
from training.datasets.lsun_builder import Lsun

NUM_TRAIN, NUM_VALIDATION = 40, 3


def fake_image(number, image_format):
    """A grey picture, 12x16 or 16x12, whose value tells its number."""
    pixels = np.full((12, 16) if number % 2 else (16, 12), 5 * number, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, image_format, quality=95)
    return file.getvalue()


def write_fake_database(folder, name, numbers, image_format="JPEG"):
    """Writes an LMDB database of pictures and a zip file of it, as LSUN gives them out."""
    database = folder / name
    database.mkdir(parents=True)
    environment = lmdb.open(str(database), map_size=2**24)
    with environment, environment.begin(write=True) as transaction:
        for number in numbers:
            transaction.put(f"{number:040x}".encode(), fake_image(number, image_format))
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.write(database / "data.mdb", f"{name}/data.mdb")
        archive.write(database / "lock.mdb", f"{name}/lock.mdb")
    for file in database.iterdir():
        file.unlink()
    database.rmdir()


def write_fake_scenes(folder):
    write_fake_database(folder, "tower_train_lmdb", range(NUM_TRAIN))
    numbers = range(NUM_TRAIN, NUM_TRAIN + NUM_VALIDATION)
    write_fake_database(folder, "tower_val_lmdb", numbers)


class TestBuilder(tfds.testing.DatasetBuilderTestCase):
    """What TFDS asks of every builder."""

    DATASET_CLASS = Lsun
    BUILDER_CONFIG_NAMES_TO_TEST = ["tower"]
    SPLITS = {"train": NUM_TRAIN, "validation": NUM_VALIDATION}
    DL_DOWNLOAD_RESULT = {"train": "tower_train_lmdb.zip", "val": "tower_val_lmdb.zip"}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.EXAMPLE_DIR = folder.name
        write_fake_scenes(Path(folder.name))
        super().setUpClass()


@pytest.fixture
def without_network(monkeypatch):
    monkeypatch.setattr("training.datasets.preparation.can_reach", lambda urls: False)


def accept_fakes(monkeypatch, manual):
    """Has the checksums of fake files stand for those of the real ones."""
    files = {file.name: checksums.compute_url_info(file) for file in manual.glob("*.zip")}
    known = checksums.get_all_url_infos().items()
    infos = {url: files[info.filename] for url, info in known if info.filename in files}
    monkeypatch.setattr(Lsun, "url_infos", infos)


def values(data, split):
    """The numbers of the pictures of a split."""
    images = data.arrays(split)["image"]
    return [round(number) for number in images.mean(axis=(1, 2, 3)) / 5]


def test_scenes_from_archives_put_by_hand(tmp_path, monkeypatch, without_network):
    manual = tmp_path / "downloads" / "manual"
    write_fake_scenes(manual)
    accept_fakes(monkeypatch, manual)
    data = load("lsun:tower", data_dir=str(tmp_path))
    assert data.image_shape == (64, 64, 3)
    assert data.num_examples == {"train": 38, "validation": NUM_VALIDATION, "test": 2}
    assert sorted(values(data, "validation")) == [40, 41, 42]
    assert sorted(values(data, "train") + values(data, "test")) == list(range(NUM_TRAIN))
    batch = next(iter(data.train_batches(8, seed=0)))
    assert batch["image"].shape == (8, 64, 64, 3)
    assert batch["image"].dtype == np.uint8
    # The same data, read by the builder of TFDS.
    stored = tfds.builder("lsun/tower", data_dir=str(tmp_path)).as_dataset(split="train")
    ids = {int(example["id"].numpy(), 16) for example in stored}
    assert ids == set(range(NUM_TRAIN))
    # No database is left unzipped.
    assert not list(tmp_path.glob("**/*.mdb"))
    assert [folder.name for folder in (tmp_path / "lsun" / "tower").iterdir()] == ["3.1.0"]


def test_objects_are_webp_and_may_be_unzipped_by_hand(tmp_path, without_network):
    manual = tmp_path / "downloads" / "manual"
    write_fake_database(manual, "cat", range(NUM_TRAIN), "WEBP")
    with zipfile.ZipFile(manual / "cat.zip") as archive:
        archive.extractall(manual)
    (manual / "cat.zip").unlink()
    data = load("lsun:cat", data_dir=str(tmp_path), image_size=8)
    assert data.num_examples == {"train": 36, "validation": 2, "test": 2}
    everything = [number for split in data.splits for number in values(data, split)]
    assert sorted(everything) == list(range(NUM_TRAIN))
    assert (manual / "cat" / "data.mdb").exists()


def test_unknown_categories_are_refused_with_the_near_ones():
    with pytest.raises(ValueError, match=r"received 'bedrom'.*Did you mean lsun:bedroom\?"):
        load("lsun:bedrom")


def test_exact_images_differ_in_size(tmp_path):
    with pytest.raises(ValueError, match="whose images differ in size; give image_size"):
        load("lsun:tower", data_dir=str(tmp_path), fit="exact")


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ImportError, match=r"pip install 'vae-zoo\[lsun\]'"):
        load("lsun", data_dir=str(tmp_path))


def test_without_files_and_network_the_steps_by_hand_are_told(tmp_path, without_network):
    with pytest.raises(FileNotFoundError) as raised:
        load("lsun:church_outdoor", data_dir=str(tmp_path))
    message = str(raised.value)
    assert str(tmp_path / "downloads" / "manual") in message
    assert "church_outdoor_train_lmdb.zip (2.28 GiB)" in message
    assert "church_outdoor_val_lmdb.zip" in message
    assert "bedroom" not in message
    assert "from training.datasets import load; load('lsun:church_outdoor', data_dir=" in message

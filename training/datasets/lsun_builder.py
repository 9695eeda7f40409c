"""A TFDS builder of LSUN that reads its databases with the package lmdb.

The builder of TensorFlow Datasets (TFDS) reads them with tensorflow-io, which has no release for
a TensorFlow newer than 2.16, and unzips a database into memory first: 43 GB for the bedrooms. Only
these two steps are replaced, so the prepared data is the same, and data that was prepared with the
other builder is read by this one and the other way round.
"""

import contextlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.image import lsun


class Lsun(lsun.Lsun, skip_registration=True):
    """LSUN, one category a config. TFDS knows the other builder by this name."""

    name = "lsun"
    url_infos = lsun.Lsun.url_infos  # TFDS looks for a class's checksums beside its module

    def needs_file(self, filename: str) -> bool:
        """Whether an archive belongs to this category."""
        category = self.builder_config.name
        scene_archives = (f"{category}_train_lmdb.zip", f"{category}_val_lmdb.zip")
        return filename in (f"{category}.zip", *scene_archives)

    def _split_generators(self, dl_manager):
        _import_lmdb()  # before gigabytes are downloaded
        return super()._split_generators(_ArchivesOnly(dl_manager))

    def _generate_examples(self, extracted_dir, file_path):
        """Yields the examples of a database.

        Args:
            extracted_dir: The zip file with the database, or the folder that has it, unzipped.
            file_path: The name of the database.
        """
        with self._unzipped(Path(extracted_dir), file_path) as folder:
            lmdb = _import_lmdb()
            environment = lmdb.open(str(folder), readonly=True, lock=False, max_readers=1)
            with environment, environment.begin() as transaction:
                for number, (key, image) in enumerate(transaction.cursor()):
                    yield number, {"id": key.decode(), "image": io.BytesIO(image)}

    @contextlib.contextmanager
    def _unzipped(self, archive: Path, file_path: str) -> Iterator[Path]:
        """The folder of the database, unzipped beside the data being prepared if need be."""
        if archive.is_dir():
            yield archive / file_path
            return
        # While it prepares, TFDS has a temporary folder as data_dir.
        with tempfile.TemporaryDirectory(dir=self.data_dir) as folder:
            with (
                zipfile.ZipFile(archive) as zipped,
                zipped.open(f"{file_path}/data.mdb") as source,
                (Path(folder) / "data.mdb").open("wb") as target,
            ):
                shutil.copyfileobj(source, target, length=2**24)
            yield Path(folder)


class _ArchivesOnly:
    """A download manager that does not unzip, and takes databases that are unzipped already."""

    def __init__(self, dl_manager: tfds.download.DownloadManager):
        self._dl_manager = dl_manager
        self._manual_dir = Path(dl_manager.download_dir) / "manual"

    def download_and_extract(self, urls: dict[str, str]) -> dict[str, Path]:
        found = {split: self._manual_dir for split, url in urls.items() if self._is_unzipped(url)}
        wanted = {split: url for split, url in urls.items() if split not in found}
        return {**found, **(self._dl_manager.download(wanted) if wanted else {})}

    def _is_unzipped(self, url: str) -> bool:
        database = url.rpartition("/")[2].removesuffix(".zip")
        return (self._manual_dir / database / "data.mdb").exists()


def _import_lmdb():
    try:
        import lmdb
    except ImportError as error:
        raise ImportError(
            "Expected the package lmdb, which reads LSUN's databases, received none; run "
            "`pip install 'vae-zoo[lsun]'`."
        ) from error
    return lmdb

import http.server
import socket
import threading

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from training.datasets import network


@pytest.fixture
def server():
    """The address of a server on this machine that answers with an error."""
    http_server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_port}/file.zip"
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:  # bound, and not listening
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/file.zip"


def test_any_answer_of_any_host_counts(server, closed_port, capsys):
    assert network.can_reach([closed_port, server])


def test_no_answer(closed_port):
    assert not network.can_reach([closed_port, "ftp://left.out/file"])


def test_nobody_to_ask():
    assert network.can_reach([])


def test_a_host_whose_name_is_looked_up_for_ever(monkeypatch):
    waiting = threading.Event()

    def look_up(*_, **__):
        waiting.wait()
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert not network.can_reach(["http://somewhere/file"], timeout=0.01)
    waiting.set()


class SetOfOneFile(tfds.core.GeneratorBasedBuilder):
    """Has one example, the length of a file that is downloaded from `url`."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {}

    def __init__(self, url, **options):
        self.url = url
        super().__init__(**options)

    def _info(self):
        features = tfds.features.FeaturesDict({"length": tfds.features.Scalar(np.int64)})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        self.other_answer = requests.get(self.url, timeout=5).status_code
        return {"train": self._generate_examples(dl_manager.download(self.url))}

    def _generate_examples(self, path):
        yield 0, {"length": path.stat().length}


def test_only_the_downloads_of_a_builder_are_refused(server, tmp_path):
    builder = SetOfOneFile(server, data_dir=tmp_path)
    network.refuse_downloads(builder, "no network")
    with pytest.raises(ConnectionError, match=r"^no network \(http.*file\.zip\)$"):
        builder.download_and_prepare()
    assert builder.other_answer == 501, "other requests are answered meanwhile"


def test_what_is_on_disk_is_prepared_though_downloads_are_refused(server, tmp_path, monkeypatch):
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "file.zip").write_bytes(b"12345")
    info = tfds.core.download.checksums.compute_url_info(tfds.core.Path(manual / "file.zip"))
    monkeypatch.setattr(SetOfOneFile, "url_infos", {server: info})
    builder = SetOfOneFile(server, data_dir=tmp_path)
    network.refuse_downloads(builder, "no network")
    builder.download_and_prepare()
    assert [int(each["length"]) for each in builder.as_dataset(split="train")] == [5]

import dataclasses
import gzip
import http.server
import logging
import re
import shutil
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import Config
from keras_ptft.data import load
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.tfds.builder import (
    fashion_mnist,
    is_reachable,
    mnist,
    tfds,
)
from keras_ptft.errors import UserError
from keras_ptft.experiment.stages import pretrain

FILES = (
    "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz, "
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz"
)


@pytest.fixture(scope="session")
def prepared(shared_data, tmp_path_factory):
    """MNIST, how to load it again, and what was logged the first time."""
    loading = Loading(
        manual_dir=str(shared_data / "mnist"),
        data_dir=str(tmp_path_factory.mktemp("tfds")),
    )
    logged, handler = [], logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())
    logger = logging.getLogger("keras_ptft")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        return load("mnist", loading), loading, logged
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


@pytest.fixture
def offline(monkeypatch):
    # nothing listens on the discard port
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    # urllib keeps the proxies that it first saw, for all tests of a process
    monkeypatch.setattr(urllib.request, "_opener", None)


without_network = pytest.mark.usefixtures("offline")


def upstream(file, offset):
    return np.frombuffer(gzip.decompress(file.read_bytes())[offset:], np.uint8)


def in_any_order(images, labels):
    rows = images.reshape(len(labels), -1)
    return sorted(zip(map(bytes, rows), labels, strict=True))


def check_test_split(dataset, folder):
    test = dataset.splits["test"]
    images = test.gather(tf.range(len(test), dtype=tf.int64)).numpy()
    pixels = upstream(folder / "t10k-images-idx3-ubyte.gz", 16)
    labels = upstream(folder / "t10k-labels-idx1-ubyte.gz", 8)
    # TensorFlow Datasets shuffles what it prepares
    found = in_any_order(images, test.labels)
    assert found == in_any_order(pixels, labels)


@pytest.mark.slow
def test_mnist_is_upstreams(prepared, shared_data):
    dataset, _, _ = prepared
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert (len(train), len(test)) == (60000, 10000)
    assert dataset.spec == tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    assert dataset.label_names == tuple("0123456789")
    check_test_split(dataset, shared_data / "mnist")


@pytest.mark.slow
def test_fashion_mnist_is_no_mnist(prepared, shared_data, capfd):
    # its files have the names of MNIST's, which is in the same folder
    _, loading, _ = prepared
    folder = shared_data / "fashion_mnist"
    dataset = fashion_mnist(
        dataclasses.replace(loading, manual_dir=str(folder))
    )
    assert dataset.label_names[:2] == ("T-shirt/top", "Trouser")
    check_test_split(dataset, folder)
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_preparing_and_loading_are_logged(prepared):
    _, loading, logged = prepared
    assert logged[0] == f"Preparing mnist in {loading.data_dir}/mnist/3.0.1."
    assert re.fullmatch(r"Loaded mnist in \d+\.\d s\.", logged[1])


@without_network
@pytest.mark.slow
def test_what_is_prepared_needs_no_files(prepared):
    _, loading, _ = prepared
    again = mnist(Loading(data_dir=loading.data_dir))
    assert len(again.splits["test"]) == 10000


@without_network
@pytest.mark.slow
def test_a_model_is_trained_on_what_is_prepared(prepared, tmp_path):
    _, loading, _ = prepared
    config = Config(
        name="x",
        runs_dir=str(tmp_path),
        dataset="mnist",
        data_dir=loading.data_dir,
        backbone="mlp_small",
        epochs=3,
        batch_size=16,
        learning_rate=0.01,
        train_examples=500,
        near_copies=False,
        explain=False,
        jit_compile="false",
    )
    result = pretrain(config)
    used = {k: part["used"] for k, part in result.data["splits"].items()}
    assert (used["train"], used["test"]) == (500, 10000)
    # chance is 0.1
    assert result.metrics["test"]["accuracy"] > 0.5


@without_network
def test_fashion_mnist_without_its_files(tmp_path):
    with pytest.raises(UserError) as caught:
        fashion_mnist(Loading(data_dir=str(tmp_path)))
    assert str(caught.value) == (
        "fashion_mnist is not prepared and its host cannot be reached: put "
        f"{FILES} into a folder and set --manual_dir."
    )
    assert list(tmp_path.iterdir()) == []


@without_network
def test_only_missing_files_are_asked_for(tmp_path, shared_data):
    name = "t10k-labels-idx1-ubyte.gz"
    shutil.copy(shared_data / "mnist" / name, tmp_path)
    loading = Loading(data_dir=str(tmp_path), manual_dir=str(tmp_path))
    rest = FILES.replace(f"{name}, ", "")
    with pytest.raises(UserError, match=f"put {rest} into a folder"):
        mnist(loading)


def test_a_damaged_file(tmp_path, shared_data, capfd):
    for file in (shared_data / "mnist").iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    loading = Loading(data_dir=str(tmp_path), manual_dir=str(tmp_path))
    message = "^Cannot prepare tfds:mnist in .*t10k-labels.*wrong checksum"
    with pytest.raises(UserError, match=message) as caught:
        mnist(loading)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_a_manual_dir_that_is_none(tmp_path):
    loading = Loading(data_dir=str(tmp_path), manual_dir="nowhere")
    with pytest.raises(UserError, match="--manual_dir=nowhere is no folder"):
        mnist(loading)


@pytest.mark.parametrize(
    "name, message",
    [
        ("mnits", r"has no 'mnits' \(did you mean \"mnist\"\?\): see https"),
        ("mnist/blue", "Cannot make tfds:mnist/blue, .*blue not found"),
        ("mnist:9.9.9", "Cannot make tfds:mnist:9.9.9, .*9.9.9"),
        ("two words", "Cannot make tfds:two words, expected name"),
        ("glue/mrpc", "a text that --text_column chooses; .* are: idx, label"),
        ("coco/2017", "features are: image, image/filename, image/id"),
        ("cats_vs_dogs", "images of varying size, .*: set --image_size"),
    ],
)
def test_sets_that_cannot_be_used(tmp_path, name, message):
    with pytest.raises(UserError, match=message) as caught:
        tfds(Loading(data_dir=str(tmp_path)), name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["group_column", "group_pattern"])
def test_groups_are_refused(tmp_path, name):
    loading = Loading(data_dir=str(tmp_path), **{name: "x"})
    message = f"^--{name}=x is not for --dataset=tfds:mnist, which has no use"
    with pytest.raises(UserError, match=message):
        mnist(loading)


def test_a_set_that_nobody_may_download(tmp_path):
    loading = Loading(image_size=64, data_dir=str(tmp_path))
    with pytest.raises(UserError, match="contain two files: ILSVRC2012_img"):
        tfds(loading, "imagenet2012")


def test_what_keeps_tfds_from_being_imported_is_told(monkeypatch):
    import tensorflow_datasets

    # as TensorFlow Datasets is left by an error that it logs
    monkeypatch.delattr(tensorflow_datasets, "builder")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets.public_api", None)
    with pytest.raises(UserError) as error:
        mnist(Loading())
    assert str(error.value) == (
        "TensorFlow Datasets cannot be imported, install what suits it (with "
        'TensorFlow 2.19: pip install "tensorflow-metadata<1.18"): import of '
        "tensorflow_datasets.public_api halted; None in sys.modules"
    )


@without_network
def test_a_host_that_answers_can_be_reached(monkeypatch):
    class Missing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Missing)
    address = f"http://127.0.0.1:{server.server_port}/file"
    assert not is_reachable(address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    threading.Thread(target=server.serve_forever).start()
    try:
        assert is_reachable(address)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_digits_do_not_wait_for_tfds():
    code = (
        "import sys; from keras_ptft.data import Loading, load;"
        "load('digits', Loading());"
        "print('tensorflow_datasets' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"

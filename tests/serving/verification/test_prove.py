"""Exports are proved in TensorFlow without Python, of other releases too."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.export import export
from keras_ptft.serving.signatures.signature import Case
from keras_ptft.serving.signatures.text import text_signatures
from keras_ptft.serving.verification.prove import chosen_libraries, prove
from tests.serving.conftest import KINDS, TAGS

# older than this one; of 250 MB each, only the first is downloaded
WHEELS = ("2.19.1", "2.20.0")


@pytest.fixture(scope="module")
def text_signatures_of_the_export(text_model, tokenizer, text_examples):
    return text_signatures(
        text_model, tokenizer, KINDS, *text_examples, tagging=False
    )


@pytest.fixture(scope="module")
def wheel():
    """(version) → a folder with TensorFlow's libraries, kept for others."""
    kept = os.environ.get("KERAS_PTFT_WHEELS", "~/.cache/keras_ptft-test")
    root = pathlib.Path(kept).expanduser()

    def wheel(version):
        folder = root / f"tensorflow-{version}"
        if not folder.is_dir():
            if version != WHEELS[0]:
                pytest.skip(f"{folder} is not there; only the oldest is had")
            root.mkdir(parents=True, exist_ok=True)
            download(version, root, folder)
        return folder

    return wheel


def download(version, root, folder):
    """Unpacks the libraries of a wheel, or skips the test."""
    partial = root / f".partial-{version}-{os.getpid()}"
    requirement = f"tensorflow-cpu=={version}"
    command = ["-m", "pip", "download", "--no-deps", "-q", "-d", str(partial)]
    done = subprocess.run(
        [sys.executable, *command, requirement],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"{requirement} cannot be had: {done.stderr[-300:]}")
    (path,) = partial.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if name.startswith("tensorflow/libtensorflow_"):
                file.extract(name, partial)
    path.unlink()
    partial.rename(folder)


def with_other_logits(signatures, by):
    """Signatures, of which the first expects other logits."""
    first, *rest = signatures
    case, *others = first.cases
    outputs = {**case.outputs, "logits": case.outputs["logits"] + by}
    changed = [Case(case.inputs, outputs), *others]
    return [dataclasses.replace(first, cases=changed), *rest]


def test_nothing_is_proved_unless_asked_for(tmp_path):
    assert prove(tmp_path, [], "") == prove(tmp_path, [], " , ") == {}


def in_batches(images):
    for start in range(0, len(images), 64):
        yield {"image": images[start : start + 64]}


def first_row(outputs):
    return np.arange(len(outputs["logits"])) == 0


def test_the_c_api_proves_every_signature(exported, digit_signatures, digits):
    default, *others = digit_signatures
    default = dataclasses.replace(default, is_unsure=first_row)
    requests = in_batches(digits[0])
    found = prove(exported.path, [default, *others], "c_api", requests)
    told = found.pop(f"TensorFlow's C API {tf.__version__}")
    assert found == {}
    assert told["examples"] == {"serving_default": 50, "encoded_images": 50}
    assert set(told["largest_difference"]) == set(told["examples"])
    assert max(told["largest_difference"].values()) <= 1e-5
    more = told["requests"]
    # 1797 in batches of 64
    assert (more["examples"], more["unsure"]) == (1797 - 29, 29)
    assert more["largest_difference"] <= 1e-5
    json.dumps(told)


@pytest.mark.slow
def test_what_differs_is_not_published(digit_signatures, tmp_path):
    def proved(draft):
        changed = with_other_logits(draft.signatures, np.float32(0.1))
        return prove(draft.folder, changed, "c_api")

    with pytest.raises(UserError) as error:
        export(tmp_path, digit_signatures, parts={"proved": proved})
    assert str(error.value).startswith(
        f"TensorFlow's C API {tf.__version__} differs from the Keras model by "
    )
    assert "in 'serving_default', expected at most 1e-05: " in str(error.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_what_differs_on_other_examples_is_told(
    exported, digit_signatures, digits
):
    default, *others = digit_signatures

    def other(image):
        outputs = default.function(image)
        return {**outputs, "logits": outputs["logits"] + 0.1}

    wrong = dataclasses.replace(default, function=other)
    requests = in_batches(digits[0][:200])
    with pytest.raises(UserError, match=r"differs from the Keras .* by 0\.1 "):
        prove(exported.path, [wrong, *others], "c_api", requests)


@pytest.mark.slow
def test_words_are_compared_with_their_tags(
    tagger, tokenizer, tagged_examples, publish
):
    found = text_signatures(
        tagger, tokenizer, TAGS, *tagged_examples, tagging=True
    )
    path = publish(found).path
    texts = np.array([b"card my freeze", b"", "卡 a".encode()], object)
    (told,) = prove(path, found, "c_api", [{"text": texts}]).values()
    more = told["requests"]
    assert more["examples"] + more["unsure"] == 3
    assert more["examples"] and more["largest_difference"] <= 1e-5


@pytest.mark.slow
def test_other_faults_are_told(exported, digit_signatures, tmp_path):
    with pytest.raises(UserError, match=r"cannot load the export: .*nothing"):
        prove(tmp_path, digit_signatures, "c_api")
    with pytest.raises(UserError, match=r"'serving_default': no case verifi"):
        prove(exported.path, digit_signatures[1:], "c_api")


@pytest.mark.slow
@pytest.mark.parametrize("version", WHEELS)
def test_older_servers_answer_the_same(
    version,
    wheel,
    exported,
    digit_signatures,
    text_export,
    text_signatures_of_the_export,
):
    folder = str(wheel(version))
    for done, signatures in (
        (exported, digit_signatures),
        (text_export, text_signatures_of_the_export),
    ):
        ((title, told),) = prove(done.path, signatures, folder).items()
        assert title == f"TensorFlow's C API {version}"
        assert told["examples"].keys() == {s.name for s in signatures}
        assert max(told["largest_difference"].values()) <= 1e-5


def test_a_library_that_crashes_is_told(exported, digit_signatures, tmp_path):
    for part in ("framework", "cc"):
        (tmp_path / f"libtensorflow_{part}.so.2").write_bytes(b"none")
    with pytest.raises(UserError) as error:
        prove(exported.path, digit_signatures, str(tmp_path))
    told = str(error.value)
    assert told.startswith(f"TensorFlow's C API ({tmp_path}) ended with code 1")
    assert "Expected TensorFlow's library for this machine" in told
    assert told.endswith("leave it out of --prove_with, or mend it.")
    assert "\n" not in told


def test_libraries_are_chosen_by_word_or_by_folder(tmp_path, monkeypatch):
    installed = os.path.dirname(tf.__file__)
    (tmp_path / "wheel").mkdir()
    (tmp_path / "wheel" / "tensorflow").symlink_to(installed)
    monkeypatch.chdir(tmp_path)
    assert chosen_libraries("c_api, wheel") == {
        "c_api": installed,
        "wheel": str(tmp_path / "wheel"),
    }


@pytest.mark.parametrize(
    "setting, message",
    [
        ("c-api", r"must name c_api or the folder of an .*\"c_api\""),
        ("onnx", "got 'onnx'; --formats is for other runtimes"),
        ("c_api, .", "got none: name the folder of an unpacked Tensor"),
    ],
)
def test_unknown_libraries_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        chosen_libraries(setting)

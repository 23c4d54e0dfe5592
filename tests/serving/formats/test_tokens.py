"""Models of tokens in other formats, and clients that make the tokens."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.serving.formats import client, tokens
from keras_ptft.serving.formats.format import of_numbers
from keras_ptft.serving.formats.prove import prove
from keras_ptft.serving.formats.table import FORMATS
from keras_ptft.serving.formats.tokens import write_tokenizer
from keras_ptft.serving.formats.write import FOLDER, write_formats
from keras_ptft.serving.signatures.signature import write_saved_model
from keras_ptft.serving.signatures.text import ODD_TEXTS, text_signatures

PIECES = (
    *("[PAD]", "[UNK]", "[MASK]", "[END]"),
    *("the", "card", "rain", "##y", "##s", "free", "##ze", "ou", "est", "?"),
    *("天", "气", "卡", "[", "]", "pad", "-", "il", "a", "to", "##day"),
)
TEXTS = (
    "Freeze the cards",
    "rainy today?",
    "Où est-il? 天气",
    "[PAD] unknownable",
    "",
    "a " * 40,
    "卡",
)


@pytest.fixture(scope="module")
def wordpiece():
    return Tokenizer.given("wordpiece", PIECES, 12)


@pytest.fixture(scope="module")
def texts():
    """The texts, odd ones, and how they are cut into the same batch."""
    rows = [*(text.encode() for text in TEXTS), *ODD_TEXTS]
    return TextSource(in_memory(rows), np.zeros(len(rows), np.int64))


@pytest.fixture(scope="module")
def signatures(wordpiece):
    """Of an untrained classifier of texts."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="tokens")
    vectors = keras.layers.Embedding(len(PIECES), 8)(ids)
    real = keras.ops.cast(ids > 0, "float32")[..., None]
    mean = keras.ops.sum(vectors * real, 1) / (keras.ops.sum(real, 1) + 1)
    model = keras.Model(ids, keras.layers.Dense(2)(mean))
    rows = np.array([text.encode() for text in TEXTS], object)
    own = wordpiece(rows)[:, :12].to_tensor(shape=(None, 12)).numpy()
    return text_signatures(
        model, wordpiece, ("card", "weather"), own, rows, tagging=False
    )


@pytest.fixture(scope="module")
def version(signatures, wordpiece, texts, tmp_path_factory):
    """A version with formats of the model of tokens, and what was found."""
    folder = tmp_path_factory.mktemp("texts") / "1"
    write_saved_model(folder, signatures)
    signature = of_numbers(signatures)
    paths = write_formats(
        folder, signature, FORMATS, quantize="none", calibration=[]
    )
    case = signature.cases[0]
    table = prove(
        folder,
        signature.name,
        {name: (FORMATS[name], path) for name, path in paths.items()},
        [case.inputs, {"tokens": case.inputs["tokens"][:3, :4]}],
        lambda answers: {"rows": len(answers["logits"])},
    )
    told = write_tokenizer(folder / FOLDER, wordpiece, texts, tagging=False)
    (folder / "assets.extra" / "labels.json").write_text('["card", "weather"]')
    return folder, table, told


def test_what_takes_ids_is_converted(signatures):
    assert of_numbers(signatures).name == "tokens"
    assert of_numbers(signatures[:1]) is None


def test_texts_of_any_length_answer_the_same(version, signatures):
    _, table, _ = version
    rows = len(signatures[1].cases[0].inputs["tokens"]) + 3
    for found in table.values():
        assert found["metrics"] == {"rows": rows}
        assert found["largest_difference"] <= 1e-5


def test_the_package_makes_the_ids_of_the_model(version, texts):
    folder, _, told = version
    assert told == {
        "tokenizer": "formats/tokenizer.json",
        "client": "formats/client.py",
        "texts": len(texts),
    }
    # worked by hand; 40 words are cut to 12, and others padded as long
    found = client.encode([*TEXTS[:2], TEXTS[4], TEXTS[5]], folder / FOLDER)
    assert found[:, :5].tolist() == [
        [9, 10, 4, 5, 8],
        [6, 7, 23, 24, 13],
        [0] * 5,
        [22] * 5,
    ]
    assert found.shape == (4, 12)
    assert client.encode([""], folder / FOLDER).tolist() == [[0]]


def test_the_client_answers_as_the_model(version, signatures):
    folder, _, _ = version
    spec = importlib.util.spec_from_file_location(
        "a_client", folder / FOLDER / "client.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert folder / FOLDER == module.HERE
    outputs = module.answer(module.encode(TEXTS))
    by_text = signatures[0].cases[0].outputs
    first = len(ODD_TEXTS)
    np.testing.assert_allclose(
        outputs["logits"], by_text["logits"][first:], atol=1e-5
    )
    expected = [name.decode() for name in by_text["label"][first:]]
    assert module.labels_of(outputs) == expected
    value = {"value": np.array([1.5, 2.0])}
    assert module.labels_of(value) == [{"value": 1.5}, {"value": 2.0}]


@pytest.mark.slow
def test_the_client_runs_without_tensorflow(version):
    folder, _, _ = version
    code = (
        "import runpy, sys; sys.modules['tensorflow'] = None;"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder / FOLDER / "client.py", "the card"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    label, text = done.stdout.rstrip("\n").split("\t")
    assert label in ("card", "weather")
    assert text == "the card"


def test_other_tokenizers_are_told(tokenizer, text_source, tmp_path, caplog):
    told = write_tokenizer(tmp_path, tokenizer, text_source, tagging=False)
    assert told == {}
    assert list(tmp_path.iterdir()) == []
    assert "the package tokenizers has no equal of characters" in caplog.text


def test_a_package_that_gives_other_ids_is_refused(
    wordpiece, texts, tmp_path, monkeypatch
):
    def change(path, text):
        found = json.loads(text)
        found["normalizer"]["lowercase"] = False
        path.write_text(json.dumps(found))

    monkeypatch.setattr(tokens, "write_text", change)
    with pytest.raises(UserError, match=r"other ids .* 'Freeze the cards'"):
        write_tokenizer(tmp_path, wordpiece, texts, tagging=False)

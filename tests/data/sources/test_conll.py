import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.conll import conll
from keras_ptft.errors import UserError

# the example of Tjong Kim Sang and De Meulder (2003), in IOB1 as there
PAPER = """-DOCSTART- -X- -X- O

U.N. NNP I-NP I-ORG
official NN I-NP O
Ekeus NNP I-NP I-PER
heads VBZ I-VP O
for IN I-PP O
Baghdad NNP I-NP I-LOC
. . O O

北京\tNNP\tI-NP\tI-LOC
"""


def test_columns_sentences_and_tags(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(PAPER.replace("\n", "\r\n"))
    dataset = conll(Loading(), str(file))
    assert dataset.label_names == ("O", "B-LOC", "B-ORG", "B-PER")
    train = dataset.splits["train"]
    places = tf.range(2, dtype=tf.int64)
    assert [text.decode() for text in train.gather(places).numpy()] == [
        "U.N. official Ekeus heads for Baghdad .",
        "北京",
    ]
    assert [tags.tolist() for tags in train.tags] == [
        [2, 0, 3, 0, 0, 1, 0],
        [1],
    ]
    assert train.targets(places)[1].numpy().tolist() == [1] + [-1] * 6
    assert train.name_of(1) == f"{file}, line 11"
    assert dataset.notes == (
        "I- read as B- where a chunk begins, in 2 of 2 sentences of a.txt, the "
        "first at line 3",
    )
    assert account(dataset).found == 3
    assert list(map(str, dataset.left_out)) == [
        "1 of -DOCSTART- in train (a.txt, line 1)"
    ]


def test_chunks_as_they_are_written_today(tmp_path):
    content = "a B-X\nb I-X\nc I-Y\nd B-Y\ne B-Y\n\nf O\n\n\n"
    (tmp_path / "Train.bio").write_text(content.replace("I-Y", "B-Y"))
    # the inside of a chunk whose beginning training knows
    (tmp_path / "test.BIO").write_text("g I-Y\nh I-Y")
    (tmp_path / "valid.bio").write_text("-DOCSTART- O\n\ni O\n")
    (tmp_path / "other.bio").write_text("i O\n")
    dataset = load(f"conll:{tmp_path}", Loading())
    names = ("O", "B-X", "B-Y", "I-X", "I-Y")
    assert dataset.label_names == names and dataset.tagged
    tags = {
        split: [[names[tag] for tag in tags] for tags in source.tags]
        for split, source in dataset.splits.items()
    }
    assert tags == {
        "train": [["B-X", "I-X", "B-Y", "B-Y", "B-Y"], ["O"]],
        "test": [["B-Y", "I-Y"]],
        "validation": [["O"]],
    }
    assert dataset.notes == (
        "1 file is not read, being named after no split (other.bio)",
        "I- read as B- where a chunk begins, in 1 of 1 sentences of test.BIO, "
        "the first at line 1",
    )
    (left_out,) = dataset.left_out
    assert left_out.split == "validation" and account(dataset).found == 5


@pytest.mark.parametrize(
    ("train", "tag", "near"),
    [
        ("a B-PER\nb O\n", "B-LOC", ""),
        ("a B-PER\nb O\n", "B-Per", ' (did you mean "B-PER"?)'),
        ("a NN\nb VB\n", "NNS", ' (did you mean "NN"?)'),
        ("a O\nb B-X\nc I-X\n", "I-Y", ""),
    ],
)
def test_a_tag_that_training_lacks(tmp_path, train, tag, near):
    (tmp_path / "train.txt").write_text(train)
    (tmp_path / "test.txt").write_text(f"a {tag}\n")
    # a chunk that begins with I- was read as B-
    tag = tag.replace("I-", "B-")
    with pytest.raises(UserError) as caught:
        conll(Loading(), str(tmp_path))
    assert str(caught.value).startswith(
        f"{tmp_path / 'test.txt'} has label {tag!r}, which training lacks"
    )
    assert near in str(caught.value)


def test_settings_of_tables_and_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a O\n")
    for name in ("group_column", "group_pattern", "image_column"):
        message = f"^--{name}=x is not for --dataset=conll, which has no use"
        with pytest.raises(UserError, match=message):
            conll(Loading(**{name: "x"}), str(tmp_path / "a.txt"))


def test_parts_of_speech_are_tags_too(tmp_path):
    (tmp_path / "a.txt").write_text("I PRP\nrun VBP\n")
    dataset = conll(Loading(), str(tmp_path / "a.txt"), test_fraction=1e-9)
    assert dataset.label_names == ("PRP", "VBP")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a O\nb\n", "line 2: expected a word and its tag, got 'b': add"),
        (b"a O\n\nb B-X\nc X\n", "line 4: expected a tag O, .* got 'X'"),
        (b"a B-\nb B-X\n", "line 1: expected a tag O, .* got 'B-'"),
        (b"a E-X\nb B-X\n", "line 1: .* got 'E-X': correct it"),
        (b"\n\n-DOCSTART- O\n", "has no sentences"),
        (b"", "is empty"),
        (b"a O\nb\xff O\n", "line 2: expected text in UTF-8"),
    ],
)
def test_what_cannot_be_used(tmp_path, content, message):
    (tmp_path / "a.conll").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        conll(Loading(), str(tmp_path / "a.conll"))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"No CoNLL file .*train.conll'"):
        conll(Loading(), str(tmp_path))

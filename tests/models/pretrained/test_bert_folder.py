"""BERT models of any size from folders, beside BERT in NumPy."""

import json

import keras
import numpy as np
import pytest
import tokenizers
from safetensors.numpy import save_file
from scipy.special import erf

from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points
from keras_ptft.transfer.loading import fresh_copy, transfer_weights

# [MASK] before [CLS], unlike in any other test
TOKENS = [
    "[PAD]",
    "the",
    "[UNK]",
    "[MASK]",
    "[CLS]",
    "cat",
    "##s",
    "[SEP]",
    "!",
]
WIDTH, DEPTH, HEADS = 8, 2, 2
CONFIG = {
    "model_type": "bert",
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
TEXT, THEIR_IDS = "The cats!", [4, 1, 5, 6, 8, 7]


def tensors_of(rows=9):
    """Random tensors, as Hugging Face calls them."""
    shapes = {
        "embeddings.word_embeddings.weight": (rows, WIDTH),
        "embeddings.position_embeddings.weight": (12, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        **norm_shapes("embeddings.LayerNorm"),
    }
    for index in range(DEPTH):
        block = f"encoder.layer.{index}"
        for part in ("query", "key", "value"):
            name = f"{block}.attention.self.{part}"
            shapes |= dense_shapes(name, WIDTH, WIDTH)
        shapes |= dense_shapes(f"{block}.attention.output.dense", WIDTH, WIDTH)
        shapes |= norm_shapes(f"{block}.attention.output.LayerNorm")
        shapes |= dense_shapes(f"{block}.intermediate.dense", 24, WIDTH)
        shapes |= dense_shapes(f"{block}.output.dense", WIDTH, 24)
        shapes |= norm_shapes(f"{block}.output.LayerNorm")
    shapes |= dense_shapes("pooler.dense", WIDTH, WIDTH)
    random = np.random.default_rng(1)
    return {
        name: random.normal(0, 0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def dense_shapes(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm_shapes(name):
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def rows_in_numpy(tensors, ids):
    """BERT by their names: the vector of each id, in float64."""

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    tensors = {name: t.astype(np.float64) for name, t in tensors.items()}
    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.token_type_embeddings.weight"][0]
    x = x + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x, "embeddings.LayerNorm")
    for index in range(DEPTH):
        block = f"encoder.layer.{index}"
        attended = []
        for head in range(HEADS):
            part = slice(4 * head, 4 * head + 4)
            q, k, v = (
                dense(x, f"{block}.attention.self.{name}")[:, part]
                for name in ("query", "key", "value")
            )
            scores = np.exp(q @ k.T / np.sqrt(4))
            attended.append(scores / scores.sum(-1, keepdims=True) @ v)
        y = dense(np.hstack(attended), f"{block}.attention.output.dense")
        x = norm(x + y, f"{block}.attention.output.LayerNorm")
        y = dense(x, f"{block}.intermediate.dense")
        y = dense(y * (1 + erf(y / np.sqrt(2))) / 2, f"{block}.output.dense")
        x = norm(x + y, f"{block}.output.LayerNorm")
    return x


def write(folder, *, config=CONFIG, tensors=None, tokens=TOKENS):
    """A folder with a vocab.txt, as models of before 2020 have it."""
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    save_file(tensors or tensors_of(), folder / "model.safetensors")
    return folder


def write_tokenizer(folder, lower=True, change=None):
    """The tokenizer.json that the package itself writes."""
    numbers = {token: index for index, token in enumerate(TOKENS)}
    model = tokenizers.models.WordPiece(numbers, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens([token for token in TOKENS if token[0] == "["])
    path = folder / "tokenizer.json"
    made.save(str(path))
    if change:
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))
    return folder


def load(folder, **settings):
    row = lookup(PRETRAINED, f"bert:{folder}", "known model")
    return row.function(0, *row.args, **settings)


def features_of(known, text=TEXT):
    tokenizer = Tokenizer.given(
        known.reading.tokenizer, known.reading.vocabulary, 10
    )
    return np.array(known.backbone(tokenizer([text]).to_tensor()))[0]


def test_features_are_those_of_bert(tmp_path):
    tensors = tensors_of()
    rows = rows_in_numpy(tensors, THEIR_IDS)
    write(tmp_path, tensors=tensors)
    known = load(tmp_path)
    np.testing.assert_allclose(features_of(known), rows.mean(0), atol=1e-5)
    first = features_of(load(tmp_path, pool="cls"))
    np.testing.assert_allclose(first, rows[0], atol=1e-5)
    scaled = features_of(load(tmp_path, normalize=True))
    mean = rows.mean(0) / np.linalg.norm(rows.mean(0))
    np.testing.assert_allclose(scaled, mean, atol=1e-5)
    sequence = known.backbone.get_layer("sequence").output
    ids = np.array([[4, 6, 7, 8, 0]])
    found = keras.Model(known.backbone.input, sequence)(ids)
    np.testing.assert_allclose(found[0, :4], rows[1:-1], atol=1e-5)


def test_it_is_transferred_as_any_pretrained_backbone(tmp_path):
    known = load(write(tmp_path), dropout=0.2)
    fresh = fresh_copy(known.backbone)
    report = transfer_weights(known.backbone, fresh, least=1.0)
    assert (report.reshaped, report.missing, report.unused) == ((), (), ())
    points = "embedding positions dropout block1 block2 features"
    assert cut_points(fresh) == points.split()
    assert fresh.get_layer("dropout").rate == 0.2
    ids = np.array([[4, 6, 7, 8, 0], [0] * 5])
    np.testing.assert_array_equal(fresh(ids), known.backbone(ids))


def test_reading(tmp_path):
    known = load(write(tmp_path))
    assert known.origin == str(tmp_path)
    assert known.reading.vocabulary == (
        *SPECIAL,
        *("the", "[CLS]", "cat", "##s", "!"),
    )
    assert known.reading.tokenizer == "wordpiece(lower=True)"
    assert known.reading.sequence_length == 10
    settings = {"do_lower_case": False, "strip_accents": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 8}')
    reading = load(tmp_path).reading
    assert reading.tokenizer == "wordpiece(lower=False)"
    assert reading.sequence_length == 6
    # newer models have both files in one, which counts
    write_tokenizer(tmp_path)
    assert load(tmp_path).reading.tokenizer == "wordpiece(lower=True)"
    (tmp_path / "vocab.txt").unlink()
    assert load(tmp_path).reading.vocabulary == known.reading.vocabulary


def test_models_with_a_head_and_old_names(tmp_path):
    expected = features_of(load(write(tmp_path)))
    renamed = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors_of().items()
    }
    renamed["cls.predictions.bias"] = np.zeros(9, np.float32)
    renamed["cls.predictions.transform.LayerNorm.gamma"] = np.ones(8)
    renamed["bert.embeddings.position_ids"] = np.arange(12)[None]
    write(tmp_path, tensors=renamed)
    np.testing.assert_array_equal(features_of(load(tmp_path)), expected)


def test_rows_behind_the_last_token_stay_out(tmp_path):
    tensors = tensors_of(rows=16)
    known = load(write(tmp_path, tensors=tensors))
    rows = rows_in_numpy(tensors, THEIR_IDS)
    np.testing.assert_allclose(features_of(known), rows.mean(0), atol=1e-5)


UNLIKE = (
    "give a folder of a BERT model of Devlin et al. as Hugging Face saves it."
)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model_type": "roberta"}, 'as model_type "bert", got roberta'),
        ({"hidden_act": "relu"}, 'as hidden_act "gelu", got relu'),
        ({"is_decoder": True}, "as is_decoder false, got True"),
        ({"hidden_size": None}, "as hidden_size a number from 1 to 1048576"),
        ({"num_hidden_layers": 0}, "as num_hidden_layers a number from 1"),
        ({"num_attention_heads": "2"}, "as num_attention_heads a number"),
        ({"intermediate_size": 25}, "as intermediate_size a multiple of 8"),
    ],
)
def test_another_config_is_refused(tmp_path, change, message):
    write(tmp_path, config=CONFIG | change)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    path = tmp_path / "config.json"
    assert str(caught.value).startswith(f"{path} must have {message}")
    assert str(caught.value).endswith(UNLIKE)


@pytest.mark.parametrize(
    "key, value, message",
    [
        (("model", "type"), "BPE", 'as type "WordPiece", got BPE'),
        (("model", "vocab"), {"a": 3}, "as vocab the numbers from 0 to 0"),
        (("model", "vocab"), None, "as vocab an object in braces, got None"),
        (("normalizer", "clean_text"), False, "as clean_text true, got False"),
        (("normalizer", "strip_accents"), False, "as strip_accents true"),
        (("normalizer", "lowercase"), 1, "as lowercase true or false, got 1"),
        (("normalizer",), None, "as normalizer an object in braces"),
        (
            ("added_tokens",),
            [{"content": "[X]"}],
            "as added_tokens [PAD], [UNK], [MASK], [CLS], [SEP] and no other, "
            "got [X]",
        ),
    ],
)
def test_another_tokenizer_is_refused(tmp_path, key, value, message):
    def change(found):
        *outer, last = key
        for name in outer:
            found = found[name]
        found[last] = value

    write_tokenizer(write(tmp_path), change=change)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    path = tmp_path / "tokenizer.json"
    assert str(caught.value).startswith(f"{path} must have {message}")
    assert str(caught.value).endswith(UNLIKE)


@pytest.mark.parametrize(
    "tokens, message",
    [
        (["a", *TOKENS, "a"], "as vocabulary each token once, got 'a' 2 times"),
        (TOKENS[:-2], "as vocabulary the token [SEP], got none"),
    ],
)
def test_another_vocabulary_is_refused(tmp_path, tokens, message):
    write(tmp_path, tokens=tokens)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path} must have {message}: {UNLIKE}"


def test_half_a_character_is_no_token(tmp_path):
    def change(found):
        found["model"]["vocab"]["\ud800"] = 9

    write_tokenizer(write(tmp_path), change=change)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} must have as vocabulary tokens in Unicode, got half a "
        f"character: {UNLIKE}"
    )


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("config.json", None, "No such file or directory"),
        ("config.json", "[]", "it is no object in braces"),
        ("config.json", "{", "Expecting property name"),
        ("config.json", "[" * 100_000, "maximum recursion depth"),
        ("vocab.txt", None, "No such file or directory"),
        ("vocab.txt", b"\xff", "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_broken_files_are_errors(tmp_path, name, content, message):
    path = write(tmp_path) / name
    path.unlink()
    if content is not None:
        path.write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"Cannot read {path}: {message}")
    assert text.endswith("a folder of a BERT model as Hugging Face saves it.")


@pytest.mark.parametrize(
    "name, tensor, message",
    [
        (
            "pooler.bias",
            np.ones(3),
            "of its tensors, 1 left over (pooler.bias)",
        ),
        (
            "embeddings.token_type_embeddings.weight",
            None,
            "1 missing (embeddings.token_type_embeddings.weight)",
        ),
        (
            "embeddings.word_embeddings.weight",
            np.ones((8, WIDTH)),
            "1 unfit (embeddings.word_embeddings.weight of shape (8, 8), in "
            "place of 9 rows of 8)",
        ),
        (
            "encoder.layer.1.output.dense.bias",
            None,
            "1 missing (encoder.layer.1.output.dense.bias)",
        ),
        (
            "encoder.layer.0.attention.self.key.weight",
            np.ones(64),
            "1 unfit (encoder.layer.0.attention.self.key.weight of shape (64,)",
        ),
    ],
)
def test_other_tensors_are_refused(tmp_path, name, tensor, message):
    tensors = tensors_of()
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor.astype(np.float32)
    write(tmp_path, tensors=tensors)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"The weights of {tmp_path} are not")
    assert message in str(caught.value)

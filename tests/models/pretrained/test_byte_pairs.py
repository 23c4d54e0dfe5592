"""Byte pairs with ids of ours, by hand."""

import json

import pytest
import tokenizers

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.byte_pairs import byte_pairs, rules_of_pairs

IDS = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "Ġ": 5, "b": 6}
IDS |= {"ab": 7, "<mask>": 8}
MERGES = ["#version: 0.2", "a b", ""]


def rules(**changes):
    return rules_of_pairs(IDS, MERGES, prefix_space=False) | changes


def special(name):
    return {
        "id": IDS[name],
        "content": name,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def test_ids_come_in_the_order_of_models_here():
    found = byte_pairs(rules(), 9, "it")
    assert found.vocabulary == (
        *("[CLS]", "[PAD]", "[SEP]", "[UNK]", "a", "Ġ", "b", "ab", "[MASK]"),
    )
    package = tokenizers.Tokenizer.from_str(found.rules)
    assert package.encode("ab ba").ids == [8, 6, 7, 5]
    names = ["[PAD]", "[UNK]", "[MASK]", "[END]", "[CLS]", "a", "Ġ", "b", "ab"]
    assert package.get_vocab() == {name: i for i, name in enumerate(names)}


def test_what_a_model_adds_or_draws_is_left_out():
    theirs = tokenizers.Tokenizer.from_str(json.dumps(rules()))
    theirs.add_special_tokens(["<s>", "</s>", "<mask>"])
    theirs.add_tokens(["ba"])
    theirs.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0)
    )
    theirs.enable_truncation(3)
    theirs.enable_padding(pad_id=1, pad_token="<pad>", length=9)
    theirs.model.dropout = 0.9
    found = byte_pairs(json.loads(theirs.to_str()), 10, "it")
    package = tokenizers.Tokenizer.from_str(found.rules)
    for _ in range(9):
        assert package.encode("ab ab ab").tokens == ["ab", "Ġ"] * 2 + ["ab"]
    # what was added for its own sake stays
    assert package.encode("ba<s>").ids[0] == 9


def test_a_space_before_a_text():
    spaced = rules_of_pairs(IDS, MERGES, prefix_space=True)
    package = tokenizers.Tokenizer.from_str(byte_pairs(spaced, 9, "it").rules)
    assert package.encode("a a").tokens == ["Ġ", "a", "Ġ", "a"]


def model(**changes):
    return {"model": {**rules()["model"], **changes}}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            rules(**model(type="Unigram")),
            "it has a tokenizer of the kind Unigram, expected BPE of bytes",
        ),
        (rules(pre_tokenizer=None), "of the kind BPE of characters, expected"),
        (rules(pre_tokenizer={"type": "Metaspace"}), "BPE of characters"),
        (rules(model=[]), "of the kind None, expected BPE of bytes"),
        ([], "of the kind None, expected BPE of bytes"),
        (rules(**model(vocab=None)), "without the ids of its tokens"),
        (rules(added_tokens=[{}]), "ids of its tokens \\('content'\\)"),
        (
            rules(**model(vocab={"a": 0})),
            "it has no token <pad> in its tokenizer, expected <pad>, <unk>, ",
        ),
        (
            rules(**model(vocab={**IDS, "c": 10})),
            "has 10 tokens in its tokenizer, expected ids from 0, each once, "
            "for the 9 rows",
        ),
        (rules(**model(vocab={**IDS, "c": 9})), "10 tokens .* for the 9 rows"),
        (rules(**model(vocab={**IDS, "a": "4"})), "expected ids from 0"),
        (
            rules(added_tokens=[special("<s>") | {"id": 5}]),
            "has 9 tokens in its tokenizer, expected ids from 0, each once",
        ),
    ],
)
def test_tokenizers_of_another_kind(found, message):
    with pytest.raises(UserError, match=message) as caught:
        byte_pairs(found, 9, "it")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_taken():
    taken = rules(**model(vocab={**IDS, "[SEP]": 9}))
    with pytest.raises(UserError, match=r"token \[SEP\] beside </s>, expected"):
        byte_pairs(taken, 10, "it")

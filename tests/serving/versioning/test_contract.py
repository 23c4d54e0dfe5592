import copy
import logging
import shutil

import pytest

from keras_ptft.errors import UserError
from keras_ptft.files import read_json
from keras_ptft.serving.versioning.contract import (
    additions,
    breaks,
    check_contract,
    contract_in,
    contract_of,
)
from tests.serving.small_versions import publish_small, write_version

LABELS = ["cat", "dog"]


@pytest.fixture
def contract(tmp_path):
    version = write_version(tmp_path / "small")
    return contract_of(version, LABELS, ["length", "width"])


def changed(contract, change):
    after = copy.deepcopy(contract)
    change(after["signatures"]["serving_default"], after)
    return after


def spec(dtype, *shape):
    return {"dtype": dtype, "shape": list(shape)}


def test_a_contract_is_what_the_saved_model_says(contract):
    assert contract == {
        "signatures": {
            "encoded_images": {
                "inputs": {"bytes": spec("string", None)},
                "outputs": {},
            },
            "serving_default": {
                "inputs": {"image": spec("uint8", None, 8, 8, 1)},
                "outputs": {"logits": spec("float32", None, 2)},
            },
        },
        "labels": ["cat", "dog"],
        "columns": ["length", "width"],
    }


def test_the_contract_of_a_real_export(exported):
    found = contract_of(exported.path)["signatures"]
    default, encoded = found["serving_default"], found["encoded_images"]
    assert default["inputs"] == {"image": spec("uint8", None, 8, 8, 1)}
    assert default["outputs"]["logits"] == spec("float32", None, 10)
    assert encoded["inputs"] == {"bytes": spec("string", None)}


@pytest.mark.slow
def test_the_contract_of_texts(text_export):
    texts = contract_of(text_export.path)["signatures"]
    assert texts["serving_default"]["inputs"] == {"text": spec("string", None)}
    assert texts["serving_default"]["outputs"]["label"]["dtype"] == "string"
    assert texts["tokens"]["inputs"] == {"tokens": spec("int32", None, None)}


BREAKING = {
    "signature 'encoded_images' is missing": lambda _, whole: whole[
        "signatures"
    ].pop("encoded_images"),
    "output 'logits' of 'serving_default' is missing": lambda default, _: (
        default["outputs"].pop("logits")
    ),
    "input 'image' of 'serving_default' is float32, was uint8": (
        lambda default, _: default["inputs"]["image"].update(dtype="float32")
    ),
    "input 'image' of 'serving_default' has shape (any, 9, 9, 1), had "
    "(any, 8, 8, 1)": lambda default, _: default["inputs"].update(
        image=spec("uint8", None, 9, 9, 1)
    ),
    "input 'image' of 'serving_default' has shape (1, 8, 8, 1), had "
    "(any, 8, 8, 1)": lambda default, _: default["inputs"].update(
        image=spec("uint8", 1, 8, 8, 1)
    ),
    "output 'logits' of 'serving_default' has shape of any rank, had "
    "(any, 2)": lambda default, _: default["outputs"]["logits"].update(
        shape=None
    ),
    "'serving_default' needs a new input 'mask'": lambda default, _: default[
        "inputs"
    ].update(mask=spec("bool", None)),
    "label 0 is 'dog', was 'cat'; label 1 is 'cat', was 'dog'": (
        lambda _, whole: whole["labels"].reverse()
    ),
    "label 1, 'dog', is missing": lambda _, whole: whole["labels"].pop(),
    "label 2, 'owl', is new": lambda _, whole: whole["labels"].append("owl"),
    "column 1 is 'weight', was 'width'": lambda _, whole: whole.update(
        columns=["length", "weight"]
    ),
}


@pytest.mark.parametrize("told", sorted(BREAKING))
def test_what_breaks_clients(contract, told):
    assert "; ".join(breaks(contract, changed(contract, BREAKING[told]))) == (
        told
    )


def test_an_input_may_widen_and_an_output_narrow(contract):
    def widen(default, _):
        default["inputs"].update(image=spec("uint8", None, None, None, 1))
        default["outputs"].update(logits=spec("float32", 4, 2))

    after = changed(contract, widen)
    assert breaks(contract, after) == []
    assert len(breaks(after, contract)) == 2


def test_what_is_new_breaks_nobody(contract):
    def extend(default, whole):
        default["outputs"]["score"] = spec("float32", None)
        whole["signatures"]["features"] = default

    after = changed(contract, extend)
    assert breaks(contract, after) == []
    assert additions(contract, after) == [
        "output 'score' of 'serving_default'",
        "signature 'features'",
    ]


def test_what_is_not_known_is_not_compared(contract):
    unknown = {**contract, "labels": None, "columns": []}
    assert breaks(unknown, contract) == []


def test_a_version_that_would_break_clients_is_refused(
    contract, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    base = tmp_path / "base"
    base.mkdir()
    check_contract(base, contract, breaking=False)
    publish_small(base, contract=contract)
    check_contract(base, contract, breaking=False)
    assert caplog.text == ""
    other = {**contract, "labels": ["dog", "cat"]}
    with pytest.raises(UserError) as caught:
        check_contract(base, other, breaking=False)
    assert str(caught.value) == (
        f"Expected a version that the clients of {base / '1'} can use, got "
        "one where label 0 is 'dog', was 'cat'; label 1 is 'cat', was 'dog': "
        "nothing was published; keep what they use, export to another folder, "
        "or accept it by --breaking."
    )
    check_contract(base, other, breaking=True)
    assert f"Breaks the clients of {base / '1'}: label 0 is" in caplog.text
    both = {**contract, "signatures": {**contract["signatures"], "more": {}}}
    check_contract(base, both, breaking=False)
    assert "New for the clients of" in caplog.text
    assert "signature 'more'" in caplog.text


def test_clients_of_stable_count_while_a_canary_is_tried(contract, tmp_path):
    base = tmp_path / "base"
    publish_small(base, contract=contract)
    other = {**contract, "labels": ["dog", "cat"]}
    publish_small(base, contract=other, canary=True)
    with pytest.raises(UserError, match=r"clients of \S+/base/1 can use"):
        check_contract(base, other, breaking=False)
    with pytest.raises(UserError, match=r"clients of \S+/base/2 can use"):
        check_contract(base, contract, breaking=False)


def test_versions_that_tell_no_contract_are_read(exported, tmp_path, caplog):
    version = tmp_path / "base" / "3"
    shutil.copytree(exported.path, version)
    extra = version / "assets.extra"
    assert "contract" not in read_json(extra / "export.json")
    (extra / "labels.json").write_text('["no", "yes"]')
    found = contract_in(version)
    assert found == contract_of(version, ["no", "yes"])
    check_contract(version.parent, found, breaking=False)
    with pytest.raises(UserError, match="label 0 is 'yes', was 'no'"):
        check_contract(
            version.parent, {**found, "labels": ["yes", "no"]}, breaking=False
        )
    (version / "saved_model.pb").write_bytes(b"\xff")
    check_contract(version.parent, found, breaking=False)
    assert "Its clients are not considered." in caplog.text

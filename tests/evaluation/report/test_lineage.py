"""What a page says that a run was made of."""

import re

import pytest

from keras_ptft.config import Config
from keras_ptft.evaluation.report.lineage import (
    ShownLayer,
    origins,
    shown_layers,
    transfer_sentences,
)
from tests.evaluation.report.pages import LINEAGE, report, words

ENVIRONMENT = {
    "python": "3.11.7",
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "machine": "x86_64",
    "cpus": 2,
    "devices": ["/device:CPU:0", "/device:GPU:0"],
    "data": {"train": "6197cf2ce88c6a60", "test": "7a9c40b79a763696"},
    "parent": "b5f588188f57e3fc215774cf899029d9",
}
TRANSFER = {
    "matched": ["conv", "dense"],
    "reshaped": ["wide"],
    "missing": [],
    "unused": ["<i>old"],
    "share": 0.875,
    "layers": [
        {"name": n, "parameters": p, "trained": t, "transferred": is_old}
        for n, p, t, is_old in (
            ("conv", 320, 0, True),
            ("dense", 1280, 64, True),
            ("wide", 200, 200, False),
            ("fixed", 8, 0, False),
            ("<b>logits", 45, 45, False),
        )
    ],
}
TUNED = LINEAGE._replace(
    stage="finetune",
    config=Config(init_from="first", dataset="digits"),
    environment=ENVIRONMENT,
    transfer=TRANSFER,
    audit={"frozen_variables": 3, "changed": []},
    trained_parameters=12345,
)


def test_origins_are_told():
    assert origins(TUNED) == [
        ("stage", "finetune, classification"),
        ("weights from", "first (b5f58818)"),
        ("trained parameters", "12,345"),
        ("data", "digits: train 6197cf2c, test 7a9c40b7"),
        ("versions", "python 3.11.7, tensorflow 2.21.0, keras 3.15.1"),
        ("devices", "CPU:0, GPU:0"),
        ("machine", "x86_64, 2 CPUs"),
    ]


def test_what_an_old_run_does_not_say_is_left_out():
    known = origins(LINEAGE)
    assert known == [
        ("stage", "pretrain, classification"),
        ("weights from", "random weights"),
        ("trained parameters", "0"),
        ("data", "digits"),
    ]


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"config": Config(init_from="bert:x")}, "bert:x (b5f58818)"),
        ({"config": Config()}, "a model that was handed over (b5f58818)"),
        (
            {"config": Config(init_from="first", from_scratch=True)},
            "random weights, in the architecture of first (b5f58818)",
        ),
        ({"environment": {}}, "first"),
        (
            {
                "stage": "pretrain",
                "config": Config(backbone="given"),
                "handed_over": ["backbone"],
                "environment": {"parent": "", "backbone": "0123456789"},
            },
            "a model that was handed over (01234567)",
        ),
    ],
)
def test_where_weights_come_from(changes, expected):
    assert dict(origins(TUNED._replace(**changes)))["weights from"] == expected


def test_the_transfer_and_the_audit_are_told():
    assert transfer_sentences(TUNED) == [
        "Pretrained weights are in 2 of 3 layers of the backbone, 87.5 % of "
        "its parameters.",
        "New, since their shapes differ: wide.",
        "Pretrained, but not in this backbone: <i>old.",
        "Frozen variables: 3; compared bit by bit, none has changed.",
    ]
    assert transfer_sentences(LINEAGE) == []
    nothing = {"frozen_variables": 0, "changed": []}
    alone = LINEAGE._replace(audit=nothing)
    assert transfer_sentences(alone) == ["No variable was frozen."]


def test_of_a_run_from_scratch_the_layers_are_not_listed_as_missing():
    names = [f"layer_{n}" for n in range(100)]
    transfer = {"matched": [], "reshaped": [], "missing": names, "unused": []}
    lineage = LINEAGE._replace(transfer={**transfer, "share": 0.0})
    assert transfer_sentences(lineage) == [
        "Pretrained weights are in 0 of 100 layers of the backbone, 0.0 % of "
        "its parameters."
    ]


def test_layers_are_told_by_what_became_of_them():
    assert shown_layers(TRANSFER) == [
        ShownLayer("conv", 320, 0, "transferred and frozen", "kept"),
        ShownLayer("dense", 1280, 64, "transferred and trained", "tuned"),
        ShownLayer("wide", 200, 200, "new", "new"),
        ShownLayer("fixed", 8, 0, "new and frozen", "new"),
        ShownLayer("<b>logits", 45, 45, "new", "new"),
    ]


def test_a_page_lists_the_layers(tmp_path):
    page = report(tmp_path / "report.html", ["a", "b"], lineage=TUNED)
    assert "<b>logits" not in page and "<i>old" not in page
    text = words(page)
    assert "transferred and frozen: 1 layer of 320 parameters" in text
    assert "new: 2 layers of 245 parameters" in text
    assert (
        "layer parameters trained what became of it conv 320 0 transferred "
        "and frozen dense 1,280 64 transferred and trained wide 200 200 new "
        "fixed 8 0 new and frozen <b>logits 45 45 new" in text
    )
    pieces = re.findall(r'<span class="(\w+)" style="flex-grow: (\d+)"', page)
    assert pieces == [
        ("kept", "320"),
        ("tuned", "1280"),
        ("new", "200"),
        ("new", "8"),
        ("new", "45"),
    ]
    assert "All 5 layers" not in text


@pytest.mark.parametrize("count", [30, 31])
def test_many_layers_are_folded(tmp_path, count):
    layer = {"parameters": 4, "trained": 0, "transferred": True}
    layers = [{"name": f"part_{n}", **layer} for n in range(count)]
    lineage = TUNED._replace(transfer={**TRANSFER, "layers": layers})
    page = report(tmp_path / "report.html", ["a", "b"], lineage=lineage)
    assert (f"<summary>All {count} layers</summary>" in page) == (count > 30)
    assert words(page).count("part_") == count
    # so many gaps might leave no room for the layers
    assert ('<div class="bar many"' in page) == (count > 30)
    assert f"{count} layers of {4 * count} parameters" in words(page)


def test_a_transfer_without_layers_is_told_in_words(tmp_path):
    old = {k: v for k, v in TRANSFER.items() if k != "layers"}
    lineage = TUNED._replace(transfer=old)
    page = report(tmp_path / "report.html", ["a", "b"], lineage=lineage)
    assert "Pretrained weights are in 2 of 3 layers" in words(page)
    assert "what became of it" not in page and 'class="bar"' not in page


def test_pretraining_has_no_transfer_to_tell(tmp_path):
    page = report(tmp_path / "report.html", ["a", "b"])
    assert "<h2>Layers</h2>" not in page

"""The tables as `keras-ptft describe` prints them."""

import dataclasses
import functools

import pytest

from keras_ptft import describe
from keras_ptft.config import EVALUATE_FIELDS, FIELDS
from keras_ptft.errors import UserError
from keras_ptft.experiment.results import SCHEMA, RunResult
from keras_ptft.models.pretrained import FACTS, PRETRAINED
from keras_ptft.registry import settings, table_names
from keras_ptft.serving.signatures import promises

# models with their weights take a while
row = functools.cache(describe.row)
ROWS = [(s, n) for s, table in describe.TABLES.items() for n in table]


def test_tables_list_every_row_on_one_line():
    lines = describe.tables().splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [name for _, name in ROWS]
    assert all(len(line.split()) > 1 for line in lines if line[:2] == "  ")


def marks(setting):
    """Models are built to tell what they cost, which takes a while."""
    return pytest.mark.slow if setting in ("backbone", "init_from") else ()


@pytest.mark.parametrize(
    "setting, name", [pytest.param(s, n, marks=marks(s)) for s, n in ROWS]
)
def test_row_shows_each_setting_with_its_default(setting, name):
    text = row(name)
    assert f"--{setting}={name}\n" in f"{text}\n"
    assert "UserError" not in text
    for parameter in settings(describe.TABLES[setting][name]).values():
        head = f"\n  {parameter.name}"
        if parameter.default is not parameter.empty:
            head += f"={parameter.default!r}"
        assert head in text


def test_a_backbone_reads_well():
    text = row("cnn")
    assert text.startswith("--backbone=cnn\n\nConvolutions with ReLU")
    assert "\n  kernel=3                  side of every kernel in" in text
    assert "scaling" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


def lines_of(text):
    """The lines of a table of costs, each by the name of its cut point."""
    _, _, table = text.partition("\nCut points for --freeze, for ")
    lines = map(str.split, table.split("\n\n")[1].splitlines()[2:])
    return {name: " ".join(cells) for name, *cells in lines}


def test_costs_of_cut_points_by_hand():
    text = row("mlp(hidden=[10, 5])")
    assert "for images of 224×224×3\n" in text
    # 150,528 numbers, ten times each, and 10 biases; then 50 and 5
    assert lines_of(text) == {
        "none": "0 1.51 M 0 1.51 M 4.52 G 4.52 G 0 B",
        "normalization": "0 1.51 M 0 1.51 M 4.52 G 4.52 G 602 MB",
        "flatten": "0 1.51 M 0 1.51 M 4.52 G 4.52 G 602 MB",
        "dense1_dense": "1.51 M 55 1.51 M 50 150 k 1.51 G 40 kB",
        "dense1": "1.51 M 55 1.51 M 50 150 k 1.51 G 40 kB",
        "features_dense": "1.51 M 0 1.51 M 0 0 1.51 G 20 kB",
        "all": "1.51 M 0 1.51 M 0 0 1.51 G 20 kB",
    }


def test_of_a_long_model_the_blocks_are_told():
    text = row("vit_small(depth=6)")
    blocks = [f"block{i}" for i in range(1, 7)]
    assert list(lines_of(text)) == ["none", "patches", *blocks, "all"]
    every = " ".join(text.partition("All of them: ")[2].split())
    assert every.startswith("all, none, normalization, patches_conv, patches")
    assert every.endswith("block6_attention_added, block6, norm, features")


def test_costs_of_a_text_model_are_of_so_many_tokens():
    text = row("transformer(width=64, depth=1)")
    assert "for texts of 32 tokens\n" in text
    # projections and dense layers of 32 tokens, then scores and values
    adds = 32 * (4 * 64**2 + 8 * 64**2) + 2 * 32 * 32 * 64
    assert f"0 {adds / 1e6:.3g} M" in lines_of(text)["none"]


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="'patch' must divide the 224×224"):
        row("vit_small(patch=5)")
    with pytest.raises(UserError, match=r"did you mean \"depth\""):
        row("vit_small(dephth=5)")


def test_known_models_are_listed_with_their_facts():
    text = row("pretrained")
    listed = text.split("\n\n")
    assert len(listed) == len(PRETRAINED)
    for name, part in zip(PRETRAINED, listed, strict=True):
        assert part.startswith(f"--init_from={name}\n")
        if name in FACTS:
            facts = FACTS[name]
            assert f"parameters    {facts.parameters:,}\n" in part
            assert f"licence       {facts.licence}\n" in part
            assert f"size          {facts.bytes / 1e6:,.1f} MB\n" in part
            assert part.rstrip().endswith(f"SHA-256       {facts.sha256}")


def test_a_known_model_shows_its_facts_and_costs():
    text = row("efficientnet_lite0")
    assert f"  SHA-256       {FACTS['efficientnet_lite0'].sha256}\n" in text
    # without its head of 1,000 classes; with 1.3 M more it is 385 M
    assert lines_of(text)["none"].startswith("0 3.41 M 0 384 M")


def test_a_known_model_without_its_weights(monkeypatch):
    def missing(image_size, /):
        """Needs a package."""
        del image_size
        raise UserError("pip install what is missing.")

    monkeypatch.setitem(describe.PRETRAINED, "gone", missing)
    assert describe.row("gone") == (
        "--init_from=gone\n\nNeeds a package.\n\n"
        "Cut points: none can be shown. pip install what is missing."
    )


def test_a_variant_tells_what_it_is_a_variant_of():
    assert "The same as mlp(hidden=(100, 50))." in row("mlp_small")
    assert "  hidden=(100, 50)" in row("mlp_small")


def test_a_name_in_two_tables_shows_both():
    text = row("none")
    assert "--augment=none" in text
    assert "--normalization=none" in text


def test_the_fields_of_a_result_are_documented():
    lines = row("result").splitlines()
    assert lines[0] == f"result.json, schema {SCHEMA}"
    names = [line.split()[0] for line in lines[1:]]
    assert set(names) == {f.name for f in dataclasses.fields(RunResult)}
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("setting", describe.TABLES)
def test_help_reads_the_same_names_without_importing_the_table(setting):
    table = {**FIELDS, **EVALUATE_FIELDS}[setting].metadata["table"]
    assert table_names(table) == list(describe.TABLES[setting])


def test_a_table_can_be_asked_for():
    assert "  sgd  " in row("optimizer")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r'"cnn_5x5".*there are: adafactor, '):
        row("cnn5x5")


def test_signatures_are_told_with_their_outputs():
    text = row("signatures")
    for name in promises.SIGNATURES:
        assert f"\n{name}\n  takes    " in f"\n{text}"
    outputs = text.partition("\noutputs\n")[2]
    told = [line.split()[0] for line in outputs.splitlines() if line[2] != " "]
    assert told == list(promises.OUTPUTS)
    assert all(len(line) <= 80 for line in text.splitlines())

"""Config: each setting checked once, and the same after a flagfile."""

import dataclasses

import pytest

from keras_ptft.config import FIELDS, PREDICT_FIELDS, Config, PredictConfig
from keras_ptft.errors import UserError
from keras_ptft.settings import kind_of, words_of

CONTRACT = """
    name runs_dir overwrite dataset data_dir manual_dir classes train_examples
    validation_fraction image_size augment backbone objective init_from freeze
    min_transferred optimizer learning_rate schedule clip_norm class_weight
    batch_size epochs early_stopping_patience seed deterministic strategy
    jit_compile steps_per_execution precision export_to compare_scratch
"""

TEXTS = [
    "",
    "a=b",
    "--epochs=3",
    "# no comment",
    "two  words",
    "quo\"ted 'twice' `thrice`",
    "cnn(filters=(32, 64), dropout=0.2)",
    r"folder:C:\photos (1)\new",
    "Bögen/学习/🎓",
    "100% $HOME \\n",
]
SPLITTING = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028"]

STRINGS = [
    name
    for name, field in FIELDS.items()
    if kind_of(field) is str and not field.metadata["choices"]
]
CHOICES = [
    (name, choice)
    for name, field in FIELDS.items()
    for choice in field.metadata["choices"]
]
NUMBERS = [
    (name, value)
    for name, values in {
        "train_examples": [0, 1, 10**12],
        "train_per_class": [0, 1, 10**6],
        "train_fraction": [1e-6, 0.5, 1],
        "validation_examples": [0, 1, 10**6],
        "validation_fraction": [0.0, 1 / 3, 0.9, 0],
        "image_size": [0, 28],
        "min_transferred": [0.0, 0.1 + 0.2, 1.0, 1],
        "feature_cache_gb": [0.0, 1e-300, 1e300, 3],
        "augment_views": [0, 1, 1000],
        "learning_rate": [0.0, 1e-3, 5e-324, 999.9999999999999, 1],
        "clip_norm": [0.0, 1e-7, 2],
        "batch_size": [1, 2**40],
        "gradient_accumulation": [1, 8],
        "epochs": [1, 10**6],
        "early_stopping_patience": [0, 3],
        "probe_every": [0, 5],
        "keep_checkpoints": [1, 100],
        "seed": [0, 2**31 - 1],
        "split_seed": [0, 2**31 - 1],
        "folds": [0, 5, 1000],
        "fold": [0, 999],
        "steps_per_execution": [0, 64],
        "sequence_length": [0, 1, 65536],
        "layer_decay": [0.01, 0.75, 1],
        "l2_sp": [0, 1e-2, 1e3],
        "prune": [0, 0.5, 0.999],
        "ema": [0.0, 0.999, 0.99999],
        "reject_below": [0.0, 0.5, 1],
        "keep_versions": [0, 3],
        "most_pixels": [0, 2**26, 10**8],
        "most_text_bytes": [0, 1, 10**6],
        "largest_batch": [0, 1, 4096],
        "calibration_examples": [1, 1000],
        "prove_examples": [1, 10**6],
        "max_accuracy_drop": [0.0, 0.02, 1],
        "statistics_examples": [0, 2000],
    }.items()
    for value in values
]
NUMERIC = {name for name, _ in NUMBERS}
BOOLEANS = [
    (name, value)
    for name, field in FIELDS.items()
    if kind_of(field) is bool
    for value in (False, True)
]
OUTSIDE = {
    ("train_examples", -1): "at least 0",
    ("train_per_class", -1): "at least 0",
    ("train_fraction", 0.0): "from 1e-06 to 1",
    ("train_fraction", 1.1): "from 1e-06 to 1",
    ("split_seed", -1): "from 0 to 2147483647",
    ("folds", 1001): "from 0 to 1000",
    ("fold", -1): "from 0 to 999",
    ("validation_examples", -1): "at least 0",
    ("validation_fraction", -0.1): "from 0 to 0.9",
    ("validation_fraction", 0.91): "from 0 to 0.9",
    ("image_size", -28): "from 0 to 4096",
    ("min_transferred", -1e-9): "from 0 to 1",
    ("min_transferred", 1.5): "from 0 to 1",
    ("feature_cache_gb", -4.0): "at least 0 and finite",
    ("augment_views", -1): "from 0 to 1000",
    ("augment_views", 1001): "from 0 to 1000",
    ("learning_rate", -1e-3): "from 0 to 1000",
    ("clip_norm", -1.0): "from 0 to 1000000000",
    ("batch_size", 0): "at least 1",
    ("gradient_accumulation", 0): "at least 1",
    ("epochs", 0): "at least 1",
    ("early_stopping_patience", -1): "at least 0",
    ("probe_every", -1): "at least 0",
    ("keep_checkpoints", 0): "at least 1",
    ("seed", -1): "from 0 to 2147483647",
    ("seed", 2**31): "from 0 to 2147483647",
    ("steps_per_execution", -1): "at least 0",
    ("sequence_length", -1): "from 0 to 65536",
    ("sequence_length", 65537): "from 0 to 65536",
    ("layer_decay", 0.0): "from 0.01 to 1",
    ("layer_decay", 1.1): "from 0.01 to 1",
    ("l2_sp", -0.1): "from 0 to 1000",
    ("prune", 1.0): "from 0 to 0.999",
    ("ema", -0.1): "from 0 to 0.99999",
    ("ema", 1.0): "from 0 to 0.99999",
    ("keep_versions", -1): "at least 0",
    ("reject_below", -0.1): "from 0 to 1",
    ("statistics_examples", -1): "from 0 to 1000000",
    ("reject_below", 1.1): "from 0 to 1",
    ("most_pixels", -1): "from 0 to 100000000",
    ("most_pixels", 10**8 + 1): "from 0 to 100000000",
    ("most_text_bytes", -1): "at least 0",
    ("largest_batch", -1): "at least 0",
    ("calibration_examples", 0): "at least 1",
    ("prove_examples", 0): "at least 1",
    ("max_accuracy_drop", -0.1): "from 0 to 1",
    ("max_accuracy_drop", 1.1): "from 0 to 1",
}
OUTSIDE_PREDICT = {
    ("generate", -1): "at least 0",
    ("temperature", -1.0): "from 0 to 100",
    ("temperature", 100.5): "from 0 to 100",
    ("top_k", -1): "at least 0",
    ("reject_below", 1.1): "from 0 to 1",
    ("seed", -1): "from 0 to 2147483647",
}


def one_line(action, *args, **kwargs):
    """The message of the UserError that `action` raises."""
    with pytest.raises(UserError) as caught:
        action(*args, **kwargs)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def assert_survives(config):
    text = config.to_flags()
    again = Config.from_flags(text)
    assert again == config
    assert again.to_flags() == text
    for name, field in FIELDS.items():
        value = getattr(again, name)
        assert value in words_of(field) or type(value) is kind_of(field)
    for line in text.splitlines():
        # a flagfile's reader takes trailing space away
        assert line == line.strip() and line.startswith("--")


def test_flag_names_of_the_contract():
    assert set(CONTRACT.split()) <= set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_documented(name):
    field = FIELDS[name]
    assert field.metadata["group"]
    assert len(field.metadata["help"]) > 10
    assert type(field.default) is kind_of(field)
    assert kind_of(field) in (str, int, float, bool)


def test_every_numeric_field_has_a_bound_and_a_case():
    numeric = {n for n, f in FIELDS.items() if kind_of(f) in (int, float)}
    assert numeric == NUMERIC
    assert numeric == {name for name, _ in OUTSIDE}


def test_defaults_survive_a_flagfile():
    assert_survives(Config())
    assert len(Config().to_flags().splitlines()) == len(FIELDS)


@pytest.mark.parametrize("name", STRINGS)
def test_text_survives_a_flagfile(name):
    for text in TEXTS:
        assert_survives(Config(**{name: text}))


@pytest.mark.parametrize("name, value", NUMBERS + BOOLEANS + CHOICES)
def test_value_survives_a_flagfile(name, value):
    assert_survives(Config(**{name: value}))


def test_a_whole_number_is_the_same_setting_as_its_float():
    whole, point = Config(learning_rate=1), Config(learning_rate=1.0)
    assert whole.to_flags() == point.to_flags()


@pytest.mark.parametrize("name, value", OUTSIDE)
def test_value_out_of_range(name, value):
    message = one_line(Config, **{name: value})
    expected = f"--{name} must be {OUTSIDE[name, value]}"
    assert message.startswith(expected)
    assert f"got {value}" in message


@pytest.mark.parametrize("name, value", OUTSIDE_PREDICT)
def test_value_of_a_prediction_out_of_range(name, value):
    message = one_line(PredictConfig, **{name: value})
    expected = f"--{name} must be {OUTSIDE_PREDICT[name, value]}"
    assert message.startswith(expected)


def test_runs_of_version_0_1_also_list_settings_of_predict():
    text = "--epochs=7\n--csv=\n--generate=0\n--temperature=1.0\n--top_k=0\n"
    assert Config.from_flags(text) == Config(epochs=7)
    assert {"csv", "generate", "temperature", "top_k"} <= set(PREDICT_FIELDS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "name", [name for name, field in FIELDS.items() if kind_of(field) is float]
)
def test_numbers_are_finite(name, value):
    assert f"got {value}" in one_line(Config, **{name: value})


@pytest.mark.parametrize("number", [10**400, -(10**400)])
@pytest.mark.parametrize("name", ["epochs", "learning_rate", "seed"])
def test_huge_whole_numbers_are_refused(name, number):
    assert f"--{name} must be" in one_line(Config, **{name: number})


@pytest.mark.parametrize("name", FIELDS)
def test_wrong_type(name):
    field = FIELDS[name]
    kinds = " or ".join((kind_of(field).__name__, *words_of(field)))
    for value in (None, b"x", (1,), 2j):
        expected = f"--{name} must be {kinds}, got {value!r}"
        assert one_line(Config, **{name: value}).startswith(expected)


@pytest.mark.parametrize(
    "name, value",
    [
        ("epochs", True),
        ("epochs", 5.0),
        ("learning_rate", "0.1"),
        ("overwrite", 1),
        ("name", 7),
        ("jit_compile", True),
    ],
)
def test_near_miss_types_are_refused(name, value):
    assert f"got {value!r}" in one_line(Config, **{name: value})


@pytest.mark.parametrize(
    "name",
    sorted(name for name in {n for n, _ in CHOICES} if name not in NUMERIC),
)
def test_wrong_choice_lists_and_suggests(name):
    choices = FIELDS[name].metadata["choices"]
    message = one_line(Config, **{name: choices[0] + "x"})
    assert f"must be one of {', '.join(choices)}" in message
    assert f'did you mean "{choices[0]}"?' in message


@pytest.mark.parametrize("name", STRINGS)
def test_text_that_would_end_its_line_is_refused(name):
    for split in SPLITTING:
        message = one_line(Config, **{name: f"a{split}b"})
        assert message.startswith(f"--{name} must be one line")


@pytest.mark.parametrize("value", [" a", "a ", "a\t", " "])
def test_space_that_a_flagfile_loses_is_refused(value):
    message = one_line(Config, runs_dir=value)
    assert message.startswith("--runs_dir must be one line")


def test_from_flags_takes_comments_and_empty_lines():
    text = "# purpose\n\n  \n  # more\n--epochs=7\r\n--overwrite=True\n"
    assert Config.from_flags(text) == Config(epochs=7, overwrite=True)


def test_from_flags_takes_the_last_of_two():
    assert Config.from_flags("--epochs=7\n--epochs=8").epochs == 8


@pytest.mark.parametrize(
    "line, expected",
    [
        ("--epoch=7", "Unknown setting 'epoch' (did you mean \"epochs\"?)"),
        ("--epochs 7", "Unknown setting '--epochs 7'"),
        ("--epochs", "Unknown setting '--epochs'"),
        ("epochs", "Unknown setting 'epochs'"),
        ("epochs=7", "Unknown setting 'epochs=7'"),
        ("--=7", "Unknown setting '--=7'"),
        ("--epochs=seven", "--epochs must be int, got 'seven'."),
        ("--epochs=", "--epochs must be int, got ''."),
        ("--epochs=0", "--epochs must be at least 1"),
        ("--epochs=" + "9" * 5000, "--epochs must be int"),
        ("--learning_rate=fast", "--learning_rate must be float or find"),
        ("--learning_rate=nan", "--learning_rate must be from 0 to 1000"),
        ("--overwrite=yes", "--overwrite must be bool, got 'yes'."),
        ("--name= a", "--name must be one line"),
    ],
)
def test_from_flags_refuses(line, expected):
    assert one_line(Config.from_flags, line).startswith(expected)


def test_replace_checks_and_leaves_the_first_as_it_was():
    config = Config(epochs=3)
    assert config.replace(epochs=4).epochs == 4
    assert config.epochs == 3
    with pytest.raises(UserError, match="--epochs must be at least 1"):
        config.replace(epochs=0)


def test_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 3
    with pytest.raises(TypeError, match="positional"):
        Config("name")

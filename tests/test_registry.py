"""lookup: a row by its text, its settings bound, nothing evaluated."""

import builtins
from typing import Optional

import pytest

from keras_ptft.errors import UserError
from keras_ptft.registry import BoundFactory, lookup, nearest, settings


def cnn(
    spec,
    /,
    *,
    filters: tuple[int, ...] = (32, 64),
    dropout: float = 0.0,
    units: int = 64,
    batch_norm: bool = False,
    activation: str = "relu",
    kernel: int | tuple[int, int] = 3,
):
    return dict(locals())


def steps(
    *,
    rates: tuple[float, ...] = (),
    pair: tuple[int, float] = (1, 1.0),
    l2: float | None = None,
):
    return dict(locals())


def folder(loading, /, path: str, label: str = "label"):
    return loading, path, label


def plain(spec, /):
    return spec


TABLE = {"cnn": cnn, "folder": folder, "plain": plain, "steps": steps}


def row(text):
    return lookup(TABLE, text, "backbone")


def set_by(text):
    return row(text)("spec")


def refusal(text, table=TABLE, kind="backbone"):
    """The one line that `text` gets."""
    with pytest.raises(UserError) as caught:
        lookup(table, text, kind)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("text", ["cnn", "cnn()", " cnn ", "cnn ( )"])
def test_name_alone_keeps_the_defaults(text):
    assert row(text) == BoundFactory("cnn", cnn, (), {})
    assert set_by(text) == cnn("spec")


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("cnn(dropout=0.2)", "dropout", 0.2),
        ("cnn(dropout=-1e-3)", "dropout", -0.001),
        ("cnn(units=+7)", "units", 7),
        ("cnn(batch_norm=True)", "batch_norm", True),
        ("cnn(activation='a(b):c')", "activation", "a(b):c"),
        ('cnn(activation="it\'s")', "activation", "it's"),
        ("cnn(kernel=5)", "kernel", 5),
        ("cnn(kernel=(3, 5))", "kernel", (3, 5)),
        ("cnn(filters=[8, 16])", "filters", (8, 16)),
        ("cnn(filters=())", "filters", ()),
        ("cnn(filters=(8,),)", "filters", (8,)),
    ],
)
def test_setting_is_bound(text, name, value):
    assert set_by(text) == {**cnn("spec"), name: value}


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("steps(l2=None)", "l2", None),
        ("steps(l2=1e-4)", "l2", 1e-4),
        ("steps(l2=1)", "l2", 1.0),
        ("steps(rates=[1, 0.5])", "rates", (1.0, 0.5)),
        ("steps(pair=(2, 3))", "pair", (2, 3.0)),
    ],
)
def test_whole_number_becomes_the_float_that_is_due(text, name, value):
    # 1 == 1.0, but their texts differ
    assert repr(row(text)()[name]) == repr(value)


@pytest.mark.parametrize(
    "path",
    [
        "photos",
        "my photos/year 1",
        r"C:\new photos\train (1)",
        "C:/photos",
        "a:b:c",
        "name(x=1)",
        "(",
        "'quoted'",
        "é/学习",
        "~/data.npz",
        "--x=1 # no comment",
        "__import__('os')",
    ],
)
def test_text_after_a_colon_is_taken_as_it_is(path):
    assert row(f"folder:{path}")("loading") == ("loading", path, "label")
    assert row(f" folder: {path} ")("loading") == ("loading", path, "label")


def test_positional_settings_follow_what_the_program_gives():
    expected = ("loading", "a b", "kind")
    assert row('folder("a b", "kind")')("loading") == expected
    assert row('folder("a b", label="kind")')("loading") == expected
    assert row('folder(label="kind", path="a b")')("loading") == expected


@pytest.mark.parametrize(
    "text, nearest_name",
    [("cn", "cnn"), ("fodler:x", "folder"), ("plane(units=3)", "plain")],
)
def test_unknown_name_lists_and_suggests(text, nearest_name):
    name = text.partition(":")[0].partition("(")[0]
    assert refusal(text) == (
        f'Unknown backbone {name!r} (did you mean "{nearest_name}"?); '
        "there are: cnn, folder, plain, steps."
    )


def test_unknown_name_far_from_all_is_not_guessed():
    assert refusal("zzz", kind="data set") == (
        "Unknown data set 'zzz'; there are: cnn, folder, plain, steps; "
        "KERAS_PTFT_MODULES names modules with others."
    )


@pytest.mark.parametrize("name", ["__class__", "print", "lambda", "__import__"])
def test_only_the_table_is_searched(name):
    assert refusal(f"{name}:x").startswith(f"Unknown backbone {name!r}")


def test_unknown_setting_lists_and_suggests():
    message = refusal("cnn(dropuot=0.1)")
    assert message.startswith(
        "Unknown setting 'dropuot' of backbone 'cnn' "
        '(did you mean "dropout"?); there are: filters, dropout, '
    )
    assert refusal("plain(x=1)") == (
        "Unknown setting 'x' of backbone 'plain'; there are: none."
    )


def test_what_the_program_gives_is_no_setting():
    assert "Unknown setting 'spec'" in refusal("cnn(spec=1)")
    assert "Unknown setting 'loading'" in refusal("folder(loading=1)")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("plain:x", "too many positional arguments"),
        ("cnn(3)", "too many positional arguments"),
        ("folder", "missing a required argument: 'path'"),
        ("folder()", "missing a required argument: 'path'"),
        ("folder('a', path='b')", "multiple values for argument 'path'"),
    ],
)
def test_settings_that_do_not_fit(text, reason):
    message = refusal(text)
    assert message.startswith("Cannot set backbone ")
    assert reason in message
    assert "its settings are: " in message


@pytest.mark.parametrize(
    "setting, kinds",
    [
        ("dropout='high'", "float"),
        ("dropout=" + "9" * 400, "float"),
        ("dropout=True", "float"),
        ("units=2.0", "int"),
        ("units=True", "int"),
        ("units=None", "int"),
        ("batch_norm=1", "bool"),
        ("activation=3", "str"),
        ("filters=32", "a list of int"),
        ("filters={'a': 1}", "a list of int"),
        ("filters=[32, 'x']", "a list of int"),
        ("filters=[32, 6.5]", "a list of int"),
        ("filters=[[1], 2]", "a list of int"),
        ("kernel=(3, 'x')", "int or a list of int and int"),
        ("units=1+2j", "int"),
    ],
)
def test_wrong_type(setting, kinds):
    name = setting.partition("=")[0]
    assert refusal(f"cnn({setting})").startswith(
        f"Setting {name!r} of backbone 'cnn' must be {kinds}, got "
    )


@pytest.mark.parametrize(
    "setting, kinds",
    [
        ("l2='x'", "float or None"),
        ("rates=[0.1, None]", "a list of float"),
        ("pair=(1, 2, 3)", "a list of int and float"),
        ("pair=(1,)", "a list of int and float"),
    ],
)
def test_wrong_type_within(setting, kinds):
    assert f" must be {kinds}, got " in refusal(f"steps({setting})")


def test_an_annotation_as_older_code_writes_it():
    def entry(*, l2: Optional[float] = None):  # noqa: UP045
        return l2

    assert lookup({"entry": entry}, "entry(l2=1)", "mix")() == 1.0
    with pytest.raises(UserError, match="must be float or None, got 'x'"):
        lookup({"entry": entry}, "entry(l2='x')", "mix")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "cnn:",
        "folder: ",
        "cnn(",
        "cnn(dropout)",
        "cnn(dropout=)",
        "cnn(dropout=nan)",
        "cnn(dropout=1/2)",
        "cnn(dropout=0.1, dropout=0.2)",
        "cnn(dropout=float('0.1'))",
        "cnn(filters=range(3))",
        "cnn(filters=[i for i in (1, 2)])",
        "cnn(*[1])",
        "cnn(**{'units': 3})",
        "cnn(units={[]: 1})",
        "cnn(units={{}})",
        "cnn()()",
        "cnn(dropout=0.1).x",
        "models.cnn",
        "cnn, cnn",
        "[cnn]",
        "None",
        "'cnn'",
        "cnn\x00",
        "cnn(units=" + "(" * 300 + ")" * 300 + ")",
        "cnn(units=" + "-" * 50_000 + "1)",
        "cnn(units=" + "9" * 5000 + ")",
    ],
)
def test_text_that_is_no_call_with_literals(text):
    assert refusal(text).startswith("Cannot read backbone ")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "cnn(units=__import__('os').getpid())",
        "cnn(units=__import__('os'))",
        "cnn(activation=f'{__import__(\"os\")}')",
        "(lambda: 1)()",
        "cnn(units=(x := 3))",
    ],
)
def test_nothing_is_evaluated(text, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"imported {args} {kwargs}")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", refuse)
        with pytest.raises(UserError, match="Cannot read backbone"):
            row(text)


def test_backslashes_in_quotes_warn_of_nothing():
    # a Windows path in quotes holds escapes that Python warns about
    assert row(r'folder("C:\photos")')("x") == ("x", r"C:\photos", "label")


def test_settings_in_the_order_of_the_signature():
    assert list(settings(folder)) == ["path", "label"]
    assert settings(plain) == {}
    assert settings(cnn)["units"].default == 64


def test_nearest():
    assert nearest("adm", iter(["adam", "sgd"])) == ' (did you mean "adam"?)'
    assert nearest("zz", ["adam", "sgd"]) == nearest("", []) == ""

"""Recipes that come with the package, found by name."""

import pathlib

import pytest

from keras_ptft import main, recipes
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.config import Config
from keras_ptft.errors import UserError

FLAGS = pathlib.Path(__file__).parent.parent / "flags"
NAMES = sorted(path.stem for path in FLAGS.glob("*.flags"))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(path):
    return Config(**main.parse([f"--flagfile={path}"])[0])


def test_every_recipe_is_found_by_its_name():
    assert recipes.names() == NAMES
    for name in NAMES:
        (path,) = recipes.resolve([name])
        assert pathlib.Path(path) == FLAGS / f"{name}.flags"
        assert read(path).name == name


@pytest.mark.parametrize("short", sorted(recipes.SHORT))
def test_a_short_name_is_of_recipes_that_follow_each_other(short):
    named = recipes.SHORT[short]
    configs = [read(path) for path in recipes.resolve([short])]
    assert tuple(config.name for config in configs) == named
    assert not configs[0].teacher and configs[0].init_from not in NAMES
    for before, config in zip(named, configs[1:], strict=False):
        assert before in (config.init_from, config.teacher)


def test_names_paths_and_short_names_mix(tmp_path):
    (tmp_path / "mine.flags").touch()
    found = recipes.resolve(["digits", "mine.flags", "pretrain_cnn_mnist"])
    assert [pathlib.Path(path).stem for path in found] == [
        "pretrain_cnn_digits",
        "finetune_cnn_digits",
        "mine",
        "pretrain_cnn_mnist",
    ]


def test_a_file_wins_and_a_folder_does_not(tmp_path):
    (tmp_path / "digits").mkdir()
    assert len(recipes.resolve(["digits"])) == 2
    (tmp_path / "mnist").touch()
    assert recipes.resolve(["mnist"]) == ["mnist"]


def test_a_path_is_short_where_it_can_be(monkeypatch):
    monkeypatch.chdir(FLAGS.parent)
    (path,) = recipes.resolve(["pretrain_cnn_digits"])
    assert path == "flags/pretrain_cnn_digits.flags"


@pytest.mark.parametrize(
    "word, said",
    [
        ("digist", '(did you mean "digits"?): see keras-ptft describe recip'),
        ("finetune_cnn_digit", '(did you mean "finetune_cnn_digits"?)'),
        ("flags/pretrain_cnn_digits.flags", ": write pretrain_cnn_digits"),
        ("pretrain_cnn_digits.flags", ": write pretrain_cnn_digits"),
        ("elsewhere/digits.flags", "Cannot open the recipe or flagfile"),
        ("nowhere.flags", "Cannot open the recipe or flagfile nowhere.flags"),
    ],
)
@pytest.mark.parametrize("command", ["run", "compare", "tune"])
def test_a_wrong_name_gets_one_line(capsys, command, word, said):
    assert main.main([command, word]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error


def test_settings_follow_a_name(capsys):
    assert main.main(["run", "digits", "--epochs=0"]) == 2
    assert "--epochs must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "tune"])
def test_of_a_short_name_the_last_is_compared(capsys, command):
    # its origin is not there
    assert main.main([command, "digits"]) == 2
    error = capsys.readouterr().err
    assert "known model 'pretrain_cnn_digits'; runs in runs: none; " in error
    assert "known models: all_minilm_l6_v2, " in error


def test_headers_tell_purpose_command_and_result():
    for name in NAMES:
        header = recipes.header(name)
        assert list(header) == ["Purpose", "Command", "Measured"]
        assert not any("#" in text or "  " in text for text in header.values())


def test_the_list_tells_each_recipe(capsys):
    assert main.main(["describe", "recipes"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line for line in lines if line in NAMES] == NAMES
    assert text.count("\n  Measured: ") == len(NAMES)
    assert (
        "\npretrain_cnn_digits\n"
        "  Pretrain a CNN on the bundled handwritten digits 0 to 4.\n"
        "  Measured: test accuracy over seeds 0 to 4 on "
    ) in text
    listed = [line.split()[0] for line in lines[1 : 1 + len(recipes.SHORT)]]
    assert listed == list(recipes.SHORT)


def test_a_recipe_is_printed_as_it_is(capsys):
    assert main.main(["describe", "finetune_cnn_digits"]) == 0
    file = FLAGS / "finetune_cnn_digits.flags"
    assert capsys.readouterr().out == file.read_text("utf-8")


def test_a_recipe_of_the_installed_package_is_not_written_to(
    tmp_path, monkeypatch
):
    from keras_ptft.comparison.compare import compare

    installed = tmp_path / "site" / "flags"
    installed.mkdir(parents=True)
    path = installed / "mine.flags"
    path.touch()
    assert not recipes.is_installed(path)
    assert not recipes.is_installed(FLAGS / "finetune_cnn_digits.flags")
    monkeypatch.setattr(recipes, "_INSTALLED", installed)
    with pytest.raises(UserError, match=r"describe mine > mine\.flags"):
        compare(Config(), CompareConfig(write_header=True), path=str(path))

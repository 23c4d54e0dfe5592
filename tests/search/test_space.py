"""What is written after --search, and what a trial draws of it."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.search.space import Choice, drawn, holds, parse_search


class Fixed:
    """Draws what a test says, and keeps what it was asked for."""

    def __init__(self, *values):
        self._values, self.asked = list(values), []

    def suggest_float(self, name, low, high, log=False):
        self.asked.append((name, low, high, log))
        return self._values.pop(0)

    def suggest_int(self, name, low, high):
        self.asked.append((name, low, high))
        return self._values.pop(0)

    def suggest_categorical(self, name, choices):
        self.asked.append((name, choices))
        return self._values.pop(0)


def test_every_distribution():
    space = parse_search(
        "learning_rate=log(1e-5,1e-1) ema=uniform(0,0.5) epochs=int(2,9) "
        "freeze=all,conv2,none"
    )
    trial = Fixed(0.0123456, 0.25, 7, "conv2")
    assert drawn(space, trial) == {
        # three digits that count
        "learning_rate": 0.0123,
        "ema": 0.25,
        "epochs": 7,
        "freeze": "conv2",
    }
    assert trial.asked == [
        ("learning_rate", 1e-5, 0.1, True),
        ("ema", 0.0, 0.5, False),
        ("epochs", 2, 9),
        ("freeze", ("all", "conv2", "none")),
    ]
    assert " ".join(one.text for one in space) == (
        "learning_rate=log(1e-05,0.1) ema=uniform(0,0.5) epochs=int(2,9) "
        "freeze=all,conv2,none"
    )


@pytest.mark.parametrize(
    "text, values",
    [
        ("optimizer='sgd(momentum=0.9)',adamw", ("sgd(momentum=0.9)", "adamw")),
        (
            "optimizer=sgd(momentum=0.9, nesterov=True),adam",
            ("sgd(momentum=0.9, nesterov=True)", "adam"),
        ),
        (
            "backbone=cnn(filters=[4, 6]),cnn(filters=[8, 8])",
            ("cnn(filters=[4, 6])", "cnn(filters=[8, 8])"),
        ),
        ('unfreeze="","0:all,1:none"', ("", "0:all,1:none")),
        ("batch_size=16,32,64", (16, 32, 64)),
        ("learning_rate=find,0.01", ("find", 0.01)),
        ("deterministic=true,false", (True, False)),
    ],
)
def test_lists_of_values_that_are_of_the_setting_s_type(text, values):
    (dimension,) = parse_search(text)
    assert dimension == Choice(text.partition("=")[0], values)


def test_rounding_leaves_no_range():
    (dimension,) = parse_search("learning_rate=log(0.001234,0.01)")
    assert dimension.suggest(Fixed(0.001234)) == 0.001234


def test_what_a_space_holds():
    space = parse_search("learning_rate=log(1e-3,1e-1) freeze=all,none")
    assert holds(space, {"learning_rate": 0.1, "freeze": "all", "seed": 1})
    assert not holds(space, {"learning_rate": 0.11, "freeze": "all"})
    assert not holds(space, {"learning_rate": "find", "freeze": "all"})
    assert not holds(space, {"learning_rate": 0.01, "freeze": "conv2"})


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "freeze",
            "--search must list settings with their values, as "
            "'learning_rate=log(1e-5,1e-1) freeze=all,none', got 'freeze'.",
        ),
        (
            "freze=all,none",
            "--search names an unknown setting 'freze' (did you mean "
            '"freeze"?): see keras-ptft tune --help.',
        ),
        (
            "seed=1,2",
            "--search cannot vary seed: all trials must be judged on the same "
            "examples; vary settings of the model or of its training.",
        ),
        (
            "freeze=all,none freeze=conv2,conv1",
            "--search names freeze twice: write all of its values in one "
            "place.",
        ),
        (
            "epochs=5",
            "--search=epochs=5 must list different values, two at least: set "
            "one by --epochs after the recipe.",
        ),
        (
            "epochs=5,5,6",
            "--search=epochs=5,5,6 must list different values, two at least: "
            "set one by --epochs after the recipe.",
        ),
        (
            "freeze=all,,none",
            "--search=freeze=all,,none has an empty value: leave out a comma, "
            "or write '' for an empty text.",
        ),
        ("epochs=5,many", "--epochs must be int, got 'many'."),
        ("epochs=0,1", "--epochs must be at least 1 and finite, got 0."),
        (
            "learning_rate=log(1e-1,1e-5)",
            "--search=learning_rate=log(0.1,1e-05) must go from a smaller "
            "number to a larger one: swap them.",
        ),
        (
            "learning_rate=log(0,1)",
            "--search=learning_rate=log(0,1) must begin above 0, got 0: raise "
            "it, or write uniform(0,1).",
        ),
        (
            "learning_rate=uniform(0.1,2000)",
            "--learning_rate must be from 0 to 1000, got 2000.0.",
        ),
        (
            "epochs=log(1,100)",
            "--search=epochs=log(1,100) is for numbers, and --epochs is whole "
            "numbers: write int(1,100).",
        ),
        (
            "learning_rate=int(1,3)",
            "--search=learning_rate=int(1,3) is for whole numbers, and "
            "--learning_rate is numbers: write uniform(1,3).",
        ),
        (
            "freeze=uniform(0,1)",
            "--search=freeze=uniform(0,1) is for numbers, and --freeze is a "
            "text: write a list.",
        ),
        (
            "learning_rate=log(1e-5)",
            "Cannot set distribution of learning_rate 'log': missing a "
            "required argument: 'high'; its settings are: low, high.",
        ),
        (
            "optimizer='sgd(momentum=0.9),adamw",
            '--search="optimizer=\'sgd(momentum=0.9),adamw" cannot be read: '
            "close its quotes and brackets.",
        ),
    ],
)
def test_one_line_for_each_mistake(text, message):
    with pytest.raises(UserError) as caught:
        parse_search(text)
    assert str(caught.value) == message

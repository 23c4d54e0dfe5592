"""What a search proposes, and what it remembers when it is killed."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.search.result import FAILED, STOPPED, Trial
from keras_ptft.search.space import parse_search
from keras_ptft.search.study import Halving, Study, forget, journal_of

SPACE = parse_search("learning_rate=log(1e-4,1e-1) freeze=all,conv2,none")
FIRST = Trial(number=0, metrics={"accuracy": 0.5})
OWN = {"learning_rate": 0.01, "freeze": "conv2"}


def study(folder, method="tpe", seed=0, own=OWN, **identity):
    made = Study(folder, identity, method=method, seed=seed)
    made.begin(SPACE, [(FIRST, own)])
    return made


def outcome(asked):
    """Better near a learning rate of 0.02 with conv2."""
    settings = asked.settings
    value = 0.9 - abs(settings["learning_rate"] - 0.02)
    if settings["freeze"] != "conv2":
        value -= 0.3
    return Trial(
        number=asked.number, settings=settings, metrics={"accuracy": value}
    )


def go_on(made, until):
    for asked in made.unfinished():
        made.tell(asked, outcome(asked))
    while made.asked < until:
        asked = made.ask()
        made.tell(asked, outcome(asked))
    return [trial.settings for trial in made.ended()]


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_a_search_that_was_killed_proposes_the_same(method, tmp_path):
    # TPE draws its first ten at random
    whole = go_on(study(tmp_path / "whole", method), 14)
    place = tmp_path / "killed"
    for done in (3, 12):
        killed = study(place, method)
        go_on(killed, done)
        assert killed.ask().number == done + 1
        # half a line of what was being written, and its lock
        with open(journal_of(place), "ab") as file:
            file.write(b'{"op_code": 4, "tri')
        (place / "optuna.log.lock").touch()
    assert go_on(study(place, method), 14) == whole
    assert len({str(settings) for settings in whole}) == 14
    other = go_on(study(tmp_path / "other", method, seed=1), 3)
    assert other != whole[:3]


def test_tpe_learns(tmp_path):
    settings = go_on(study(tmp_path), 24)
    # a third would have it by chance
    learned = [one["freeze"] == "conv2" for one in settings[12:]]
    assert sum(learned) >= 8


def test_numbers_follow_those_of_the_first_trials(tmp_path):
    made = Study(tmp_path, {}, method="random", seed=0)
    others = {"learning_rate": 0.5, "freeze": "all"}
    made.begin(SPACE, [(FIRST, OWN), (Trial(number=1), others)])
    assert [made.ask().number, made.ask().number] == [2, 3]
    # the recipe is in the space, so it is learned from; the other is not
    assert made.asked == 2
    assert [asked.number for asked in made.unfinished()] == [2, 3]


def test_what_was_told_is_remembered(tmp_path):
    made = study(tmp_path)
    made.keep_first(FIRST)
    told = [
        Trial(number=1, state=FAILED, error="no", seconds=1.5),
        Trial(number=2, state=STOPPED, metrics={"accuracy": 0.2}),
        Trial(number=3, settings={"freeze": "all"}, metrics={"loss": 2.0}),
    ]
    for trial in told:
        made.tell(made.ask(), trial)
    again = study(tmp_path)
    assert again.ended() == told
    assert (again.first(0), again.first(1)) == (FIRST, None)
    assert again.unfinished() == []


def test_another_search_in_the_folder(tmp_path):
    study(tmp_path, search="", epochs="5")
    study(tmp_path, search="", epochs="5")
    for now, message in (
        ({"search": "freeze=all,none", "epochs": "5"}, "(--search='' there, "),
        ({"search": "", "epochs": "6"}, "(--epochs=5 there, 6 now)"),
    ):
        with pytest.raises(UserError) as caught:
            study(tmp_path, **now)
        assert str(caught.value).startswith(f"{tmp_path} holds another search")
        assert message in str(caught.value)
        assert str(caught.value).endswith(
            "choose another --name, or --overwrite it."
        )
    forget(tmp_path)
    study(tmp_path, search="", epochs="6")


def test_trials_behind_others_are_stopped(tmp_path):
    # of 2 epochs there is one bracket, with a rung after the first
    made = study(tmp_path)
    values = [0.9, 0.8, 0.1, 0.95]
    stopped = []
    for value in values:
        asked = made.ask()
        halving = Halving(journal_of(tmp_path), asked.place, epochs=2)
        metrics = {"loss": 1.0, "accuracy": value}
        stopped.append(halving.stops(1, metrics))
        # what is asked again after a kill
        assert halving.stopped == (metrics if stopped[-1] else None)
    # a third of 2 and of 3 is one trial: the best so far goes on
    assert stopped == [False, True, True, False]

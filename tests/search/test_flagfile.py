"""What was found, as a recipe, and the command that would prove it."""

import shlex

from keras_ptft.comparison.plan import variants
from keras_ptft.comparison.settings import COMPARE_FIELDS, CompareConfig
from keras_ptft.config import FIELDS, Config
from keras_ptft.main import parse
from keras_ptft.search.flagfile import best_recipe, flagfile, proof
from tests.search.found import RECIPE, found, trial


def test_the_recipe_has_the_settings_that_were_found(tmp_path):
    best = best_recipe(RECIPE, found(), "second")
    assert best == RECIPE.replace(
        name="second_tuned", learning_rate=0.03, freeze="none"
    )
    path = tmp_path / "best.flags"
    path.write_text(flagfile(best, found(), str(path)), "utf-8")
    present, _ = parse([f"--flagfile={path}"])
    assert Config(**present) == best


def test_its_header_says_how_it_was_found():
    best = best_recipe(RECIPE, found(), "second")
    text = flagfile(best, found(), "runs/second-tune/best.flags")
    assert text.splitlines() == [
        "# Purpose: second.flags, with the settings that keras-ptft tune "
        "found.",
        "# Command: keras-ptft run runs/second-tune/best.flags",
        "# Searched: learning_rate=log(0.0001,0.1) freeze=all,conv2,none, by "
        "tpe, seed 0,",
        "#   5 trials.",
        "# Measured: validation accuracy 75.00 % on 2 CPU cores, with the "
        "recipe as it is",
        "#   50.00 %.",
        "--name=second_tuned",
        "--init_from=first",
        "--freeze=none",
        "--learning_rate=0.03",
    ]


def test_the_proof_compares_it_with_the_recipe_as_it_is():
    words = shlex.split(proof(RECIPE, found(), "runs/a b/best.flags"))
    assert words[:3] == ["keras-ptft", "compare", "runs/a b/best.flags"]
    present, positional = parse(words[3:], COMPARE_FIELDS | FIELDS)
    assert positional == []
    compare = CompareConfig(beside="", variant=tuple(present["variant"]))
    best = best_recipe(RECIPE, found(), "second")
    assert variants(best, compare) == {
        "fine-tuned": best,
        "untuned": RECIPE.replace(name="second_tuned"),
    }


def test_the_proof_of_a_value_that_is_a_call():
    recipe = RECIPE.replace(optimizer="sgd(momentum=0.9, nesterov=True)")
    best = trial(1, 0.9, settings={"optimizer": "adamw", "freeze": "all"})
    searched = found(trial(0, 0.5), best)
    words = shlex.split(proof(recipe, searched, "best.flags"))
    (variant,) = parse(words[3:], COMPARE_FIELDS | FIELDS)[0]["variant"]
    tuned = best_recipe(recipe, searched, "second")
    compare = CompareConfig(beside="", variant=(variant,))
    assert variants(tuned, compare)["untuned"].optimizer == recipe.optimizer


def test_what_compare_cannot_prove():
    assert proof(Config(), found(), "best.flags") == ""
    assert proof(RECIPE, found(trial(0, 0.5)), "best.flags") == ""

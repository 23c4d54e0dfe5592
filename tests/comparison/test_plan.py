"""From a recipe to the settings of every run, without running any."""

import pytest

from keras_ptft import Config, UserError
from keras_ptft.comparison.plan import cells, parse_budgets, variants
from keras_ptft.comparison.settings import CompareConfig

RECIPE = Config(
    name="tuned",
    init_from="first",
    freeze="conv2",
    layer_decay=0.8,
    ema=0.9,
    batch_size=20,
    epochs=3,
    seed=7,
    train_examples=100,
)


def planned(recipe=RECIPE, sizes=(60, 40), **settings):
    compare = CompareConfig(**settings)
    return list(cells(variants(recipe, compare), compare, sizes, "folder"))


def test_what_differs_between_the_variants():
    found = variants(RECIPE, CompareConfig())
    assert list(found) == ["scratch", "probe", "linear", "fine-tuned"]
    assert found["fine-tuned"] == RECIPE
    plain = {"freeze": "", "layer_decay": 1.0}
    assert found["linear"] == RECIPE.replace(**plain)
    assert found["scratch"] == RECIPE.replace(from_scratch=True, **plain)
    # a probe is solved: nothing is averaged
    assert found["probe"] == RECIPE.replace(probe="lbfgs", ema=0.0, **plain)


def test_some_of_them_and_others():
    own = ("all layers: --freeze=none --backbone='cnn(dropout=0.2)'",)
    compare = CompareConfig(beside="linear", variant=own)
    found = variants(RECIPE, compare)
    assert list(found) == ["linear", "fine-tuned", "all layers"]
    expected = RECIPE.replace(freeze="none", backbone="cnn(dropout=0.2)")
    assert found["all layers"] == expected
    assert list(variants(RECIPE, CompareConfig(beside=""))) == ["fine-tuned"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"probe": "lbfgs"}, "Without probe: it is the recipe itself."),
        (
            {"objective": "classification(focal=2.0)"},
            "Without probe: --probe=lbfgs minimises the loss with focal=0.0",
        ),
        (
            {"objective": "tagging"},
            "Without linear: --objective=tagging has no label a text.",
        ),
    ],
)
def test_what_makes_no_sense_is_left_out_and_told(caplog, changes, reason):
    recipe = Config(init_from="first", **changes)
    found = variants(recipe, CompareConfig(beside="probe,linear"))
    left_out = reason.split()[1].rstrip(":")
    assert left_out not in found and "fine-tuned" in found
    assert reason in caplog.text


def test_each_seed_has_its_own_splits_labels_and_weights():
    runs = planned(seeds=2, beside="scratch")
    assert [(c.variant, c.budget, c.config.seed) for c in runs] == [
        ("scratch", "recipe", 7),
        ("fine-tuned", "recipe", 7),
        ("scratch", "recipe", 8),
        ("fine-tuned", "recipe", 8),
    ]
    assert [c.config.split_seed for c in runs] == [0, 0, 1, 1]
    assert [c.config.name for c in runs[:2]] == [
        "scratch-all-0",
        "fine-tuned-all-0",
    ]
    assert {c.config.runs_dir for c in runs} == {"folder"}
    assert {c.config.train_examples for c in runs} == {100}


def test_budgets_from_small_to_large_with_as_many_steps():
    runs = planned(budgets="100%,5,50", seeds=1, beside="")
    # 3 epochs of 100 examples in batches of 20 are 15 steps
    found = [
        (
            c.budget,
            c.config.train_per_class,
            c.config.train_fraction,
            c.config.batch_size,
            c.config.epochs,
        )
        for c in runs
    ]
    assert found == [
        # 10 examples: a step an epoch
        ("5", 5, 1.0, 10, 15),
        # 50 and 40: 4 steps an epoch, as 15 / 4 is not whole
        ("50", 50, 1.0, 20, 4),
        ("100%", 0, 1.0, 20, 3),
    ]
    assert {c.config.train_examples for c in runs} == {0}


@pytest.mark.parametrize(
    "limit",
    [{"train_examples": 40}, {"train_per_class": 20}, {"train_fraction": 0.4}],
)
def test_budgets_take_the_steps_of_a_recipe_with_few_examples(limit):
    recipe = RECIPE.replace(**{"train_examples": 0, **limit})
    runs = planned(recipe, budgets="5,20,50", seeds=1, beside="")
    # 3 epochs of 40 examples in batches of 20 are 6 steps
    assert [c.config.epochs for c in runs] == [6, 3, 3]
    limits = ("train_examples", "train_per_class", "train_fraction")
    for cell, each in zip(runs, (5, 20, 50), strict=True):
        assert [getattr(cell.config, n) for n in limits] == [0, each, 1.0]


def test_of_the_smallest_share_one_of_each_class_is_kept():
    (run,) = planned(budgets="0.01%", seeds=1, beside="")
    # 2 of 100 examples: a step of 2 an epoch, of 15 in all
    assert (run.config.batch_size, run.config.epochs) == (2, 15)


def test_accumulated_batches_are_filled_too():
    recipe = RECIPE.replace(batch_size=8, gradient_accumulation=4, epochs=2)
    (run, _) = planned(recipe, budgets="5,100%", seeds=1, beside="")
    # 2 epochs of 3 steps of 32; 10 examples fill one batch of 8
    assert run.config.gradient_accumulation == 1
    assert (run.config.batch_size, run.config.epochs) == (8, 6)


@pytest.mark.parametrize(
    "text", ["ten", "0", "0%", "10;50", "-5", "10,", "1.5"]
)
def test_budgets_that_are_none(text):
    with pytest.raises(UserError, match="--budgets must list labels of each"):
        parse_budgets(text)


def test_a_share_of_more_than_all():
    with pytest.raises(UserError, match="shares up to 100%, got '101%'"):
        parse_budgets("101%")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"beside": "scratch,prob"},
            "--beside must list some of scratch, probe, linear, got 'prob' "
            '(did you mean "probe"?).',
        ),
        (
            {"variant": ("scratch: --freeze=none",)},
            "there is a variant 'scratch' already: choose another.",
        ),
        (
            {"variant": ("--freeze=none",)},
            "--variant must be a name and settings",
        ),
        ({"variant": ("a: --freeze='conv",)}, "No closing quotation"),
        ({"variant": ("a: --frieze=conv",)}, "Unknown setting 'frieze'"),
        ({"variant": ("a: --seed=3",)}, "sets --seed, which no variant has"),
        ({"seeds": 0}, "--seeds must be from 1 to 1000, got 0."),
        ({"variant": "a: --epochs=3"}, "--variant must be a tuple of str"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UserError) as caught:
        variants(RECIPE, CompareConfig(**settings))
    assert message in str(caught.value)


def test_each_fold_is_a_test_split_of_its_own():
    recipe = RECIPE.replace(folds=3, split_seed=4)
    runs = planned(recipe, beside="scratch")
    found = [(c.config.fold, c.config.seed, c.variant) for c in runs]
    assert found == [
        (0, 7, "scratch"),
        (0, 7, "fine-tuned"),
        (1, 8, "scratch"),
        (1, 8, "fine-tuned"),
        (2, 9, "scratch"),
        (2, 9, "fine-tuned"),
    ]
    assert {c.config.split_seed for c in runs} == {4}
    assert [(c.unit, c.number) for c in runs[-2:]] == [("fold", 2)] * 2
    assert runs[-1].config.name == "fine-tuned-all-fold2"

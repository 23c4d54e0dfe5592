"""What is said of an attack."""

from keras_ptft.evaluation.membership.telling import (
    attack_lines,
    attack_rows,
    verdict,
    warning,
)

FOUND = {
    "attacker": "who knows the loss of an example",
    "examples": 4000,
    "members": 2000,
    "others": 2000,
    "auc": 0.503,
    "advantage": 0.01,
    "tpr_at_1_percent": 0.012,
    "intervals": {
        "auc": [0.491, 0.515],
        "advantage": [-0.02, 0.04],
        "tpr_at_1_percent": [0.008, 0.018],
    },
    "by_chance": {"auc": 0.5, "advantage": 0.0, "tpr_at_1_percent": 0.01},
    "generalisation": {"accuracy": {"members": 0.99, "others": 0.98}},
    "notes": ["1 of 9 test examples are copies"],
}


def changed(**changes):
    intervals = {**FOUND["intervals"], **changes.pop("intervals", {})}
    return {**FOUND, **changes, "intervals": intervals}


def test_no_better_than_by_chance():
    assert verdict(FOUND) == (
        "An attacker who knows the loss of an example tells members from "
        "others no better than by chance (AUC 50.3, 49.1 to 51.5)."
    )


def test_one_threshold_tells_where_the_area_does_not():
    # what a model got wrong it was not trained on, and that is all it gives
    found = FOUND | {"advantage": 0.142}
    found["intervals"] = FOUND["intervals"] | {"advantage": [0.093, 0.193]}
    assert verdict(found).endswith(
        "tells members from others by one threshold (advantage 14.2, 9.3 to "
        "19.3), and over all of them no better than by chance (AUC 50.3, 49.1 "
        "to 51.5)."
    )


def test_better_than_by_chance():
    found = changed(auc=0.6, intervals={"auc": [0.58, 0.62]})
    assert verdict(found).endswith(
        "better than by chance (AUC 60.0, 58.0 to 62.0)."
    )


def test_few_members_that_are_found_surely_count():
    found = changed(tpr_at_1_percent=0.04, p_values={"tpr_at_1_percent": 1e-4})
    assert verdict(found).endswith(
        "better than by chance (AUC 50.3, 49.1 to 51.5), and finds 4.0 % of "
        "them at 1 % false alarms."
    )


def test_another_kind_of_data_is_suspected():
    found = changed(auc=0.3, intervals={"auc": [0.28, 0.32]})
    assert "worse than by chance" in verdict(found)
    assert "another kind of data" in verdict(found)


def test_without_an_interval():
    found = {**FOUND, "auc": 1.0, "intervals": {}}
    assert verdict(found).endswith("better than by chance (AUC 100.0).")


def test_a_guarantee_stands_beside():
    most = {"advantage": 0.4621, "tpr_at_1_percent": 0.0272}
    bound = {"epsilon": 1.0, "delta": 1e-5, "most": most, "exceeded": False}
    found = changed(bound=bound)
    assert warning(found) == warning(FOUND) == ""
    assert attack_rows(found) == [
        ["", "measured", "95 % interval", "by chance", "at most"],
        ["area under the ROC curve", "50.3 %", "49.1 to 51.5", "50.0 %", "–"],
        ["advantage", "1.0 %", "-2.0 to 4.0", "0.0 %", "46.2 %"],
        [
            "members found at 1 % false alarms",
            "1.2 %",
            "0.8 to 1.8",
            "1.0 %",
            "2.7 %",
        ],
    ]
    assert len(attack_rows(FOUND)[0]) == 4
    broken = changed(bound={**bound, "exceeded": True})
    assert warning(broken).startswith(
        "The attack finds more than epsilon 1 at delta 1e-05 allows:"
    )
    assert warning(broken) in attack_lines(broken)


def test_the_terminal_has_all():
    lines = attack_lines(FOUND)
    assert lines[-1] == "Note: 1 of 9 test examples are copies."
    assert (
        "Generalisation: accuracy 99.00 % of members and 98.00 % of others."
        in lines
    )

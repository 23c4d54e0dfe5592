"""Who has which examples: counts by hand, and by chance."""

import numpy as np
import pytest

from keras_ptft import UserError
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.federated.partition import PARTITIONS, column_of, divide

CASES = {
    "iid": "iid",
    "dirichlet": "dirichlet(0.5)",
    "labels": "labels(2)",
    "shards": "shards(2)",
    "by": "by:person",
}


def source(sizes=(100, 100, 100, 100), by=None):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    found = ArraySource(np.zeros((len(labels), 2), np.float32), labels)
    found.by = by
    return found


def rows(given, partition, clients=5, least=1, seed=0):
    parts = divide(given, partition, clients, least=least, seed=seed)
    return [part.rows for part in parts]


def counts(given, found):
    return np.array([np.bincount(given.labels[i], minlength=4) for i in found])


@pytest.mark.parametrize("name", sorted(PARTITIONS))
def test_every_example_has_one_client(name):
    given = source(by=np.tile(["a", "b", "c", "d", "e"], 80))
    found = rows(given, CASES[name])
    np.testing.assert_array_equal(
        np.sort(np.concatenate(found)), np.arange(400)
    )
    again = rows(given, CASES[name])
    assert all(map(np.array_equal, found, again))


@pytest.mark.parametrize("name", ["dirichlet", "iid", "labels", "shards"])
def test_another_seed_divides_in_another_way(name):
    first, other = (rows(source(), CASES[name], seed=seed) for seed in (0, 1))
    assert not all(map(np.array_equal, first, other))


def test_iid_gives_all_as_many_of_all_classes():
    found = rows(source(), "iid", clients=4)
    assert [len(each) for each in found] == [100] * 4
    # 25 of a class are expected, with a deviation of 4
    assert (np.abs(counts(source(), found) - 25) < 16).all()


def test_shards_hold_the_classes_of_sorted_examples():
    # 8 shards of 50: two shards are a class
    held = counts(source(), rows(source(), "shards(2)", clients=4))
    assert set(held.ravel()) <= {0, 50, 100}
    assert (held.sum(1) == 100).all() and (held.sum(0) == 100).all()


@pytest.mark.parametrize("seed", range(5))
def test_each_client_has_as_many_labels(seed):
    held = counts(source(), rows(source(), "labels(3)", clients=5, seed=seed))
    assert ((held > 0).sum(1) == 3).all()
    # 15 labels are dealt: one class has 3 clients, three have 4
    owners = (held > 0).sum(0)
    assert sorted(owners) == [3, 4, 4, 4]
    for label, number in enumerate(owners):
        mine = held[:, label][held[:, label] > 0]
        assert mine.sum() == 100 and np.ptp(mine) <= (number == 3)


def test_a_small_alpha_makes_clients_differ():
    def largest_share(alpha):
        given = source((1000,) * 4)
        held = counts(given, rows(given, f"dirichlet({alpha})", clients=4))
        return (held / held.sum(0)).max(0).mean()

    # of 4 clients, a share is 1/4 as alpha grows, and 1 as it vanishes
    assert largest_share(1000) < 0.3 < 0.6 < largest_share(0.05)


def test_dirichlet_is_drawn_again_until_all_have_a_step(caplog):
    found = rows(source(), "dirichlet(0.3)", clients=8, least=16)
    assert min(map(len, found)) >= 16
    assert "times, until each client had 16 examples." in caplog.text


def test_a_value_of_a_column_is_a_client(caplog):
    by = np.repeat(["ann", "bob", "cy"], [300, 96, 4])
    parts = divide(source(by=by), "by:who", 10, least=8, seed=0)
    assert [(p.name, len(p.rows)) for p in parts] == [("ann", 300), ("bob", 96)]
    assert "1 of 3 clients have less than 8 examples" in caplog.text
    assert "left out with 4 examples" in caplog.text


@pytest.mark.parametrize(
    "partition, clients, least, line",
    [
        ("dirichlet(0.01)", 40, 9, "in 1000 draws: raise alpha, or lower"),
        ("iid", 401, 1, "Each client needs 1 examples, a step, and of 400"),
        ("iid", 10, 64, "for 10 clients one has 40: lower"),
        ("by:who", 3, 1, "--partition=by:who needs a table"),
        ("shards(0)", 3, 1, "per_client"),
        ("labels(5)", 3, 1, "per_client"),
        ("labels(1)", 3, 1, "gives 3 clients 3 of 4 labels, and would"),
    ],
)
def test_what_cannot_be_divided_is_refused(partition, clients, least, line):
    with pytest.raises(UserError) as caught:
        divide(source(), partition, clients, least=least, seed=0)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_classes_are_needed_to_divide_by_them():
    given = source((40,))
    with pytest.raises(UserError, match="is for examples of several classes"):
        divide(given, "dirichlet(1)", 2, least=1, seed=0)


def test_only_by_reads_a_column():
    assert column_of("by('a b')") == "a b" and column_of("labels(2)") == ""

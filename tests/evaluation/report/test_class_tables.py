from keras_ptft.evaluation.report.class_tables import (
    class_rows,
    most_confused,
    worst_classes,
)


def rows(count):
    scores = {"precision": 1.0, "recall": 1.0, "support": 2}
    return class_rows(
        {
            str(n): {**scores, "f1": (n * 7 % count) / count}
            for n in range(count)
        }
    )


def test_mistakes_are_ordered():
    matrix = [[5, 0, 5], [1, 9, 0], [0, 0, 0]]
    assert most_confused(matrix, ["a", "b", "c"]) == [
        ("a", "c", 5, 0.5),
        ("b", "a", 1, 0.1),
    ]


def test_the_weakest_of_many_classes():
    found = worst_classes(rows(31))
    assert [row.f1 * 31 for row in found] == list(range(10))
    # 9 * 7 = 63 is one more than twice 31
    assert found[1].number == found[1].name == "9"


def test_few_classes_have_no_weakest():
    assert worst_classes(rows(30)) == []

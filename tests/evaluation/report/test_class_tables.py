from keras_ptft.evaluation.report.class_tables import (
    class_rows,
    confusion_matrix,
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


def test_confusions_are_named():
    scores = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 10}
    classes = class_rows(dict.fromkeys("abc", scores))
    assert most_confused([(0, 2, 5), (1, 0, 1)], classes) == [
        ("a", "c", 5, 0.5),
        ("b", "a", 1, 0.1),
    ]


def test_matrix_of_few_classes():
    # 2 examples of each; one of class 0 was taken for class 2
    classes = rows(3)
    classes[0] = classes[0]._replace(recall=0.5)
    counts, numbers = confusion_matrix([(0, 2, 1)], classes)
    assert counts.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 2]]
    assert numbers == ["0", "1", "2"]


def test_matrix_of_the_most_confused_of_many_classes():
    confusions = [(40, 7, 2), *((n, n + 1, 1) for n in range(10, 29))]
    classes = rows(100)
    classes[40] = classes[40]._replace(recall=0.0)
    counts, numbers = confusion_matrix(confusions, classes)
    assert counts.shape == (20, 20)
    assert {"40", "7"} <= set(numbers)
    row, column = numbers.index("40"), numbers.index("7")
    assert counts[row, column] == 2 and counts[row, row] == 0
    # all of class 7 were right, whether or not all confusions are listed
    assert counts[column, column] == 2


def test_the_weakest_of_many_classes():
    found = worst_classes(rows(31))
    assert [row.f1 * 31 for row in found] == list(range(10))
    # 9 * 7 = 63 is one more than twice 31
    assert found[1].number == found[1].name == "9"


def test_few_classes_have_no_weakest():
    assert worst_classes(rows(30)) == []

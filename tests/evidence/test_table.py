from keras_ptft.evidence.table import format_table

ROWS = [
    {
        "run": "finetuned",
        "accuracy": 0.99214,
        "f1_macro": 0.9920,
        "trained_parameters": 650,
        "seconds": 1.04,
    },
    {
        "run": "数字",
        "accuracy": 1.0,
        "f1_macro": 1.0,
        "trained_parameters": 1093322,
        "seconds": 123.0,
    },
]


def test_numbers_are_aligned_to_the_right():
    assert format_table(ROWS).splitlines() == [
        "run        accuracy %  macro F1  trained parameters  seconds",
        "---------  ----------  --------  ------------------  -------",
        "finetuned       99.21    0.9920                 650      1.0",
        "数字           100.00    1.0000           1,093,322    123.0",
    ]


def test_a_table_without_rows_is_its_heading():
    assert len(format_table([]).splitlines()) == 2

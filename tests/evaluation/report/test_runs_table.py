from keras_ptft.evaluation.report.runs_table import format_table

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
        "run        accuracy %  macro F1  trained parameters  training seconds",
        "---------  ----------  --------  ------------------  ----------------",
        "finetuned       99.21    0.9920                 650               1.0",
        "数字           100.00    1.0000           1,093,322             123.0",
    ]


def test_a_table_without_rows_is_its_heading():
    assert len(format_table([]).splitlines()) == 2


def test_a_column_stands_where_a_run_has_something_to_tell():
    size = {"trained_parameters": 650, "seconds": 1.04}
    masked = {"run": "masked", "accuracy": 0.352, "perplexity": 1234.5}
    vectors = {"run": "vectors", "loss": 2.5}
    tags = {"run": "tags", "accuracy": 0.9, "entity_f1": 0.8}
    rows = [row | size for row in (masked, ROWS[0], vectors, tags)]
    lines = format_table(rows).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "run accuracy % macro F1 entity F1 loss perplexity trained parameters "
        "training seconds",
        "--------- ---------- -------- --------- ------ ---------- "
        "------------------ ----------------",
        "masked 35.20 – – – 1,234.50 650 1.0",
        "finetuned 99.21 0.9920 – – – 650 1.0",
        "vectors – – – 2.5000 – 650 1.0",
        "tags 90.00 – 0.8000 – – 650 1.0",
    ]

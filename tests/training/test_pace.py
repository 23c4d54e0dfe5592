from keras_ptft.training.pace import told


def test_a_long_prediction_tells_its_pace_every_ten_seconds(caplog):
    # the start, and the time after each part
    times = iter([100.0, 104.0, 111.0, 120.9, 121.0])
    parts = [[0] * 20_000] * 4
    found = told(parts, "rows answered", clock=lambda: next(times))
    assert list(found) == parts
    assert caplog.messages == [
        "40,000 rows answered, 3,600 a second.",
        "80,000 rows answered, 3,800 a second.",
    ]


def test_a_short_one_tells_nothing(caplog):
    times = iter([0.0, 9.9])
    assert list(told([[1]], "rows", clock=lambda: next(times))) == [[1]]
    assert caplog.messages == []

"""Examples as a reader is shown them."""

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.report.exhibits import Exhibit
from keras_ptft.explanation.exhibits import make_exhibits, named_columns
from keras_ptft.explanation.judgement import OfClasses
from tests.explanation.models import images, texts

NAMES = ("a", "b")


def shown(source, info, chosen):
    answers = np.log(np.tile([0.75, 0.25], (len(source), 1)))
    judgement = OfClasses(info, source, answers, {})
    return make_exhibits(info, source, judgement, np.array(chosen, int))


def test_images_are_shown_themselves():
    source = images(3)
    found = shown(source, DataInfo(source.spec, NAMES), [1, 0])
    assert found[0][:4] == ("example 1", "b", "a", "0.7500")
    assert found[1][:4] == ("example 0", "a", "a", "0.7500")
    for one, row in zip(found, (1, 0), strict=True):
        assert np.array_equal(one.image, source.gather([row])[0])
        assert one.text is None and not one.columns


def test_texts_are_shown_as_they_were_stored():
    dataset = texts("the rain", "", "pay the bank", "snow and snow")
    found = shown(dataset.splits["test"], dataset.info, [1, 3])
    assert [one.text for one in found] == ["", "snow and snow"]
    assert found[1].true == "money"
    assert found[0].image is None


def test_rows_are_shown_by_their_columns():
    rows = np.arange(24, dtype=np.float32).reshape(2, 12)
    source = ArraySource(rows, [0, 1], name="vector")
    names = tuple(f"size {n}" for n in range(12))
    (found,) = shown(source, DataInfo(source.spec, NAMES, columns=names), [1])
    assert len(found.columns) == 10
    assert found.columns[0] == ("size 0", 12.0)
    assert named_columns(DataInfo(), np.array([7.0])) == [("column 1", 7.0)]


def test_what_cannot_be_shown_is_named():
    waves = ArraySource(np.ones((2, 4, 3), np.float32), [0, 1], name="array")
    (found,) = shown(waves, DataInfo(waves.spec, NAMES), [1])
    assert found == Exhibit("example 1", "b", "a", "0.7500")
    assert shown(waves, DataInfo(waves.spec, NAMES), []) == []


def test_a_file_is_known_by_its_folder_and_name():
    source = images(2)
    source.name_of = lambda index: f"/home/photos/test/cat/{index}.jpg"
    found = shown(source, DataInfo(source.spec, NAMES), [0])
    assert found[0].place == "cat/0.jpg"

import re

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.versioning.listing import version_table
from keras_ptft.serving.versioning.rollback import rollback
from tests.serving.small_versions import publish_small

SPEC = {"dtype": "float32", "shape": [None]}


def contract(*outputs):
    signature = {"inputs": {}, "outputs": dict.fromkeys(outputs, SPEC)}
    return {"signatures": {"serving_default": signature}}


def test_versions_side_by_side(tmp_path):
    publish_small(tmp_path, source={"run": "owls"}, contract=contract("a"))
    publish_small(tmp_path, source={"run": "owls-2"}, contract=contract("b"))
    publish_small(tmp_path, contract=contract("b", "c"), canary=True)
    rollback(tmp_path)
    (tmp_path / "5").mkdir()
    table = version_table(tmp_path)
    times = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
    assert len(times.findall(table)) == 5
    lines = times.sub("now", table).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "version run published labels for clients",
        "1 owls now",
        "2 owls-2 now output 'a' of 'serving_default' is missing; output 'b' "
        "of 'serving_default' is new",
        "3 now output 'c' of 'serving_default' is new",
        "4 owls-2 now version 2 again; output 'c' of 'serving_default' is "
        "missing",
        "5 now stable, canary",
    ]
    with pytest.raises(UserError, match="found none in"):
        version_table(tmp_path / "5")

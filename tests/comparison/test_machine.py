"""What a comparison was measured on, in a few words."""

import os
import platform
import re

from keras_ptft.comparison.machine import machine


def test_cores_and_processor_and_no_name_of_the_machine():
    found = machine()
    assert re.match(r"\d+ cores of \S", found)
    assert int(found.split()[0]) <= os.cpu_count()
    assert platform.node() not in found

"""What --unfreeze may be."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.transfer.unfreezing import Step, parse_unfreeze


def test_cut_points_by_epoch():
    found = parse_unfreeze("0:all,3:block5, 6:none", epochs=7)
    assert found == [Step(0, "all"), Step(3, "block5"), Step(6, "none")]
    assert parse_unfreeze("0:conv1", epochs=1) == [Step(0, "conv1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all", "epoch from which they hold, as 0:all,3:none, got 'all' in"),
        ("0:all,", "got '' in '0:all,'"),
        ("0:all,-1:none", "got '-1:none' in"),
        ("0:", "got '0:' in '0:'"),
        ("1:all,3:none", "ascend from 0, got 1, 3: as in 0:all,3:none"),
        ("0:all,3:conv1,3:none", "ascend from 0, got 0, 3, 3"),
        ("0:all,4:conv1,2:none", "ascend from 0, got 0, 4, 2"),
        ("0:all,5:none", "changes in epoch 5, and the last of --epochs=5 is 4"),
        ("0:conv1,2:all", "all can be the first cut point alone, none the"),
        ("0:none,2:conv1", "from the output to the input: all can be"),
        ("0:all,2:all", "from the output to the input"),
    ],
)
def test_what_it_cannot_be(text, message):
    with pytest.raises(UserError, match=message):
        parse_unfreeze(text, epochs=5)

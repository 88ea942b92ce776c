"""What cannot be measured is refused in one line."""

import pytest

from milp_amp.errors import InputError
from milp_amp.problem.shape import Experts
from tests.profiling.table import request, shape


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"microbatch_sizes": ()}, "--microbatches: nothing"),
        ({"microbatch_sizes": (0, 1)}, "--microbatches: 0,1"),
        ({"microbatch_sizes": (2, 2)}, "--microbatches: 2,2"),
        ({"microbatch_sizes": (10**10,)}, "--microbatches: 10000000000"),
        ({"sequence": 0}, "--sequence: 0"),
        ({"shape": shape(positions=8)}, "--sequence: 16, expected from 1 to 8"),
        ({"repetitions": 0}, "--repetitions: 0"),
        ({"warm_up": -1}, "--warm-up: -1"),
        ({"shape": shape(experts=Experts(count=8, active=2, ffn_size=16))}, "tiny: 8 experts in a layer"),
    ],
)
def test_it_names_what_was_read(fields, named):
    with pytest.raises(InputError) as failure:
        request(**fields)
    assert str(failure.value).startswith(named)
    assert "\n" not in str(failure.value)
    assert "expected" in str(failure.value)

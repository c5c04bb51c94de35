# SPDX-License-Identifier: Apache-2.0
"""What workers leave behind when they are killed at random moments; tests/bench/kill_workers.py kills more of them."""
import sys

from weirtest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench"))

import kill_workers


def test_killed_workers_take_nothing_along():
    found = kill_workers.run(kills=20, workers=8)
    assert found["kills"] == 20 and found["answers"] > 100 and found["looks at metrics"] > 5
    wrong = list(found).index("in flight")
    assert not {name: value for name, value in list(found.items())[wrong:] if value}

"""``python -m faults`` is the command line."""

import subprocess
import sys


def test_it_knows_every_verb() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "faults", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    for verb in ("run", "sweep", "explore", "replay", "shrink", "bugs"):
        assert f"\n    {verb} " in ended.stdout

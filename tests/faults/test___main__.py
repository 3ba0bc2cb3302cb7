"""``python -m faults`` is the command line."""

import subprocess
import sys


def test_it_knows_every_verb() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "faults", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    for verb in ("run", "sweep", "explore", "replay", "shrink", "bugs"):
        assert f"\n    {verb} " in ended.stdout


def test_an_interrupt_while_it_is_imported_is_a_status_and_no_traceback() -> None:
    script = (
        "import sys, runpy; sys.modules['faults.cli'] = Broken = type('B', (), {'__getattr__': lambda *_: stop()})()\n"
    )
    script += "def stop(): raise KeyboardInterrupt\nrunpy.run_module('faults', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")

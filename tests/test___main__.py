"""``python -m aiovdi`` is the command line."""

import subprocess
import sys


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "aiovdi", "foo"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("aiovdi: foo: unknown command")

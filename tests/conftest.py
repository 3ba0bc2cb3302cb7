"""What tests of every folder share: how hard Hypothesis tries, real images, and the programs we must agree with.

Rule 1: a test may be skipped only for something that this repository cannot bring along, and says
    what that is. Under ``CI`` a missing program is a failure, since ``.ci/run`` installs them all.
Rule 2: ``--campaign`` makes long tests longer; no test exists only there.
Rule 3: ``--guest`` boots virtual machines, which a test run at a desk need not wait for; what it needs and
    does not find fails.
"""

import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SHARED = Path(__file__).resolve().parents[2] / "shared"
ON_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
DEBIAN_PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-io": "qemu-utils",
    "qemu-nbd": "qemu-utils",
    "nbdinfo": "libnbd-bin",
    "nbdcopy": "libnbd-bin",
    "nbdsh": "python3-libnbd",
}

# No deadline and no complaint about slowness: neither says anything about the code on a busy machine.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    # A build turns red for what its commit did. At a desk each run looks somewhere else.
    derandomize=ON_CI,
)
settings.register_profile("large", settings.get_profile("default"), max_examples=100_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))  # --hypothesis-profile comes later and wins


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="let the long tests run for as long as they would like to")
    parser.addoption("--guest", action="store_true", help="also test with file systems inside virtual machines")


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> bool:
    """Is there time for the long form of a test?"""
    return bool(request.config.getoption("--campaign"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and notes that may lie beside the repository. It belongs to nobody: read only."""
    if not SHARED.is_dir():
        pytest.skip("there is no folder 'shared' beside the repository")
    return SHARED


@pytest.fixture
def sample(shared: Path, tmp_path: Path) -> Callable[[str], Path]:
    """``sample("gen_dyn")`` is a fresh, writable copy of ``shared/samples/gen_dyn.vdi.xz``, unpacked."""

    def unpack(name: str) -> Path:
        path = tmp_path / f"{name}.vdi"
        with lzma.open(shared / "samples" / f"{name}.vdi.xz") as packed, path.open("wb") as image:
            shutil.copyfileobj(packed, image)
        return path

    return unpack


@pytest.fixture(scope="session")
def peer() -> Callable[[str], str]:
    """``peer("qemu-img")`` is the path of that program; without it the test is skipped, or fails under ``CI``."""

    def find(program: str) -> str:
        if (path := shutil.which(program)) is not None:
            return path
        reason = f"{program} is not installed (Debian: {DEBIAN_PACKAGES.get(program, program)})"
        return pytest.fail(reason) if ON_CI else pytest.skip(reason)

    return find

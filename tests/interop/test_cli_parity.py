"""The same words to qemu-img and to aiovdi: the same answers, on every key that both have."""

import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Peer = Callable[[str], str]
Sample = Callable[[str], Path]
Both = Callable[..., tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]]

MiB = 1 << 20

# Sample: findings, and the exit status of check. QEMU calls a high count a corruption; no data is at stake.
SAMPLES: dict[str, tuple[list[str], int]] = {
    "gen_alloc1": (["count-low"], 2),
    "gen_alloc9": (["count-high"], 3),
    "gen_dup": (["duplicate"], 2),
    "gen_dyn": ([], 0),
    "gen_oob": (["out-of-range"], 2),
    "gen_qemu_eio_leak": (["leaked"], 3),
    "gen_zero": ([], 0),
    "genode_vm": ([], 0),
    "grisunet_0": ([], 0),
    "hoho-os_hdd": ([], 0),
    "lcm098_floppy": ([], 0),
    "shinos_os": ([], 0),
    "sooryakiran_image": ([], 0),
    "tritium_test": ([], 0),
    "wheatos_disk": ([], 0),
}


def ours(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aiovdi", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def qemu_img(peer: Peer) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [peer("qemu-img"), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def both(qemu_img: Callable[..., subprocess.CompletedProcess[str]]) -> Both:
    """``both("info", path)``: what qemu-img says, and what aiovdi says."""
    return lambda *words: (qemu_img(*words), ours(*words))


@pytest.fixture
def shuffled(qemu_img: Callable[..., Any], peer: Peer, tmp_path: Path) -> Path:
    """An image of QEMU's whose blocks lie in another order in the file than on the disk, the last one partial."""
    path = tmp_path / "shuffled.vdi"
    qemu_img("create", "-q", "-f", "vdi", path, 40 * MiB + 512)
    writes = [word for block in (9, 3, 4, 5, 30, 0, 40) for word in ("-c", f"write -P {block + 1} {block}M 512")]
    subprocess.run([peer("qemu-io"), "-f", "vdi", *writes, path], check=True, stdout=subprocess.DEVNULL)
    return path


def common(theirs: Any, own: Any) -> tuple[Any, Any]:
    """Both, without the keys that only one of them has."""
    keys = theirs.keys() & own.keys()
    return {key: theirs[key] for key in keys}, {key: own[key] for key in keys}


def test_the_table_of_samples_is_complete(shared: Path) -> None:
    assert sorted(SAMPLES) == sorted(path.name.removesuffix(".vdi.xz") for path in shared.glob("samples/*.vdi.xz"))


@pytest.mark.parametrize("name", SAMPLES)
def test_info_agrees_on_every_sample(name: str, sample: Sample, both: Both) -> None:
    theirs, own = both("info", "--output=json", sample(name))
    left, right = common(json.loads(theirs.stdout), json.loads(own.stdout))
    assert left == right
    assert left.keys() >= {"virtual-size", "filename", "cluster-size", "format", "actual-size", "dirty-flag"}
    assert theirs.returncode == own.returncode == 0


@pytest.mark.parametrize("size", ["512", "1M", "1048577", "1000k", "1.5G", "100000M", "3T"])
@pytest.mark.parametrize("maker", ["qemu-img", "aiovdi"])
def test_info_agrees_on_fresh_images_of_any_size(
    size: str, maker: str, tmp_path: Path, both: Both, qemu_img: Callable[..., Any]
) -> None:
    make = {"qemu-img": qemu_img, "aiovdi": ours}[maker]
    assert make("create", "-q", "-f", "vdi", tmp_path / "x.vdi", size).returncode == 0
    theirs, own = both("info", "--output=json", tmp_path / "x.vdi")
    left, right = common(json.loads(theirs.stdout), json.loads(own.stdout))
    assert left == right


@pytest.mark.parametrize("words", [["-f", "raw"], []])
def test_info_agrees_in_its_lines(words: list[str], shuffled: Path, both: Both) -> None:
    theirs, own = both("info", *words, shuffled)
    assert own.stdout.startswith(theirs.stdout)


@pytest.mark.parametrize("form", ["human", "json"])
@pytest.mark.parametrize("words", [[], ["--start-offset=3.5M", "--max-length=3M"], ["--max-length", "700"]])
def test_map_agrees_on_a_shuffled_image(form: str, words: list[str], shuffled: Path, both: Both) -> None:
    theirs, own = both("map", f"--output={form}", *words, shuffled)
    if form == "json":
        assert json.loads(own.stdout) == json.loads(theirs.stdout)
    else:
        assert own.stdout == theirs.stdout


def test_a_map_that_leads_out_of_the_image_is_an_error(sample: Sample) -> None:
    own = ours("map", "--output=json", sample("gen_oob"))
    assert own.returncode == 1
    assert "block 5" in own.stderr
    assert "100" in own.stderr


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - {"gen_oob"}))
def test_map_agrees_on_every_sample(name: str, sample: Sample, both: Both) -> None:
    theirs, own = both("map", "--output=json", sample(name))
    assert json.loads(own.stdout) == json.loads(theirs.stdout)


def test_map_agrees_on_a_raw_image_with_holes(tmp_path: Path, both: Both) -> None:
    path = tmp_path / "x.raw"
    with path.open("wb") as file:
        file.seek(3 * MiB)
        file.write(b"x" * MiB)
        file.truncate(9 * MiB)
    theirs, own = both("map", "--output=json", "-f", "raw", path)
    assert json.loads(own.stdout) == json.loads(theirs.stdout)


@pytest.mark.parametrize("name", SAMPLES)
def test_check_finds_in_every_sample_exactly_what_is_wrong(name: str, sample: Sample) -> None:
    findings, status = SAMPLES[name]
    own = ours("check", "--output=json", sample(name))
    assert [finding["kind"] for finding in json.loads(own.stdout)["findings"]] == findings
    assert own.returncode == status


@pytest.mark.parametrize("name", [name for name, (_, status) in SAMPLES.items() if status in {0, 2}])
def test_check_has_the_status_of_qemu_img_where_data_is_at_stake(name: str, sample: Sample, both: Both) -> None:
    theirs, own = both("check", "--output=json", sample(name))
    assert theirs.returncode == own.returncode
    answer = theirs.stdout[theirs.stdout.index("{") :]
    left, right = common(json.loads(answer), json.loads(own.stdout))
    if name == "gen_dup":  # QEMU reports the duplicate, and that the count misses it
        assert (left.pop("corruptions"), right.pop("corruptions")) == (2, 1)
    assert left == right


@pytest.mark.parametrize(
    "words",
    [
        ["info", "{missing}"],
        ["info"],
        ["info", "--bogus", "{vdi}"],
        ["info", "-f", "vdi", "{raw}"],
        ["info", "--output=xml", "{vdi}"],
        ["check", "{raw}"],
        ["check", "-f", "vdi", "{raw}"],
        ["check", "{missing}"],
        ["check", "-r", "all", "{vdi}"],
        ["check", "-q", "{vdi}"],
        ["map", "{missing}"],
        ["compare", "{vdi}", "{raw}"],
        ["compare", "-q", "{vdi}", "{vdi}"],
        ["compare", "{vdi}", "{missing}"],
        ["compare", "-F", "vdi", "{vdi}", "{raw}"],
        ["compare", "{vdi}"],
        ["convert", "-O", "vdi", "{missing}", "{new}"],
        ["convert", "-O", "vdi", "{raw}"],
        ["convert", "-O", "vdi", "-c", "{raw}", "{new}"],
        ["convert", "-m", "17", "-O", "vdi", "{raw}", "{new}"],
        ["convert", "-S", "3", "-O", "vdi", "{raw}", "{new}"],
        ["create", "-f", "vdi", "{new}"],
        ["create", "-f", "vdi", "{new}", "1x"],
        ["create", "-f", "vdi", "-o", "foo=1", "{new}", "1M"],
        ["create", "-f", "foo", "{new}", "1M"],
        ["dd", "if={raw}", "of={new}", "foo=1"],
        ["foo"],
        [],
    ],
    ids=" ".join,
)
def test_the_exit_status_is_that_of_qemu_img(
    words: list[str], shuffled: Path, tmp_path: Path, qemu_img: Callable[..., Any]
) -> None:
    raw = tmp_path / "x.raw"
    raw.write_bytes(b"x" * 2 * MiB)
    places = {"vdi": shuffled, "raw": raw, "missing": tmp_path / "missing", "new": tmp_path / "new"}
    filled = [word.format(**places) for word in words]
    status = qemu_img(*filled).returncode
    places["new"].unlink(missing_ok=True)
    own = ours(*filled)
    assert own.returncode == status
    assert "Traceback" not in own.stderr
    assert not places["new"].exists() or own.returncode == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, []),
        (None, ["-s"]),
        ((7 * MiB + 700, b"x"), []),
        ((7 * MiB + 700, b"x"), ["-q"]),
        ((45 * MiB, b"x"), []),
        ((45 * MiB, b"\0"), []),
        ((45 * MiB, b"\0"), ["-s"]),
    ],
)
def test_compare_says_what_qemu_img_says(
    change: tuple[int, bytes] | None, words: list[str], shuffled: Path, both: Both, qemu_img: Callable[..., Any]
) -> None:
    other = shuffled.with_suffix(".raw")
    qemu_img("convert", "-O", "raw", shuffled, other)
    if change is not None:
        with other.open("r+b") as file:
            file.seek(change[0])
            file.write(change[1])
        os.truncate(other, -(-other.stat().st_size // 512) * 512)
    first = shuffled if "-s" not in words or change is not None else other  # QEMU's statuses differ between formats
    for pair in [(first, other), (other, first)]:
        theirs, own = both("compare", *words, *pair)
        assert (own.stdout, own.returncode) == (theirs.stdout, theirs.returncode)


def test_every_sample_is_a_good_archive(shared: Path) -> None:
    for path in shared.glob("samples/*.xz"):
        with lzma.open(path) as packed:
            assert packed.read(72)[64:68] == b"\x7f\x10\xda\xbe"

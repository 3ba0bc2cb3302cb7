"""The clients that people use, on an image served by ``aiovdi serve``: libnbd's tools, QEMU's, fio, nbdsh."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aiovdi.storage.zeroing import can_punch_holes
from tests.certificates import Papers

MiB = 1 << 20
SIZE = 32 * MiB
Peer = Callable[[str], str]
SERVE = [sys.executable, "-m", "aiovdi", "serve"]
DATA = {3 * MiB: 4096, 7 * MiB + 512: 2 * MiB, 31 * MiB: MiB}
"""Where the disk has data: offset and length."""


def run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A raw disk with some data."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        for offset, length in DATA.items():
            file.seek(offset)
            file.write(random.Random(offset).randbytes(length))
    return path


@pytest.fixture
def image(raw: Path, tmp_path: Path) -> Path:
    """The same as a VDI."""
    path = tmp_path / "disk.vdi"
    run(sys.executable, "-m", "aiovdi", "convert", "-O", "vdi", raw, path)
    return path


@pytest.fixture
def uri(image: Path) -> Iterator[str]:
    """Where the image is served; at the end the server ends in order, and the image is whole."""
    server = subprocess.Popen([*SERVE, image, "--persistent"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
        server.terminate()
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.communicate()
    run(sys.executable, "-m", "aiovdi", "check", "-q", image)


def test_nbdinfo_says_what_is_offered(peer: Peer, uri: str) -> None:
    (export,) = json.loads(run(peer("nbdinfo"), "--json", uri))["exports"]
    assert export["export-size"] == SIZE
    assert export["contexts"] == ["base:allocation"]
    for ability in ("can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn", "can_df", "can_cache"):
        assert export[ability] is True, ability
    assert (export["block_size_minimum"], export["block_size_maximum"]) == (1, 32 * MiB)


def test_nbdinfo_maps_what_qemu_img_maps_in_the_file_itself(peer: Peer, uri: str, image: Path) -> None:
    extents = json.loads(run(peer("nbdinfo"), "--map", "--json", uri))
    ours = [(each["offset"], each["length"], each["type"] == 0) for each in extents]
    theirs = json.loads(run(peer("qemu-img"), "map", "-U", "--output", "json", image))
    assert ours == [(each["start"], each["length"], each["data"]) for each in merged(theirs)]
    through = json.loads(run(peer("qemu-img"), "map", "--output", "json", "--image-opts", options(uri)))
    assert [(each["start"], each["length"], each["data"]) for each in merged(through)] == ours


def test_nbdcopy_takes_it_out_and_puts_it_back(peer: Peer, uri: str, raw: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.raw"
    run(peer("nbdcopy"), uri, copy)
    assert copy.read_bytes() == raw.read_bytes()
    fresh = bytearray(raw.read_bytes())
    fresh[:MiB], fresh[7 * MiB : 10 * MiB] = random.Random(5).randbytes(MiB), bytes(3 * MiB)
    copy.write_bytes(fresh)
    run(peer("nbdcopy"), "--flush", copy, uri)
    run(peer("nbdcopy"), uri, raw)
    assert raw.read_bytes() == fresh


def test_qemu_img_converts_and_compares_through_it(peer: Peer, uri: str, raw: Path, tmp_path: Path) -> None:
    qemu_img = peer("qemu-img")
    run(qemu_img, "compare", "-f", "raw", "-F", "raw", uri, raw)
    run(qemu_img, "convert", "-f", "raw", "-O", "raw", uri, tmp_path / "out.raw")
    assert (tmp_path / "out.raw").read_bytes() == raw.read_bytes()
    other = tmp_path / "other.raw"
    other.write_bytes(random.Random(6).randbytes(5 * MiB) + bytes(SIZE - 5 * MiB))
    run(qemu_img, "convert", "-n", "-f", "raw", "-O", "raw", other, uri)
    run(qemu_img, "compare", "-f", "raw", "-F", "raw", other, uri)


def test_qemu_io_reads_what_it_wrote_zeroed_and_discarded(peer: Peer, uri: str) -> None:
    commands = [
        "write -P 0xaa 1M 64k", "write -f -P 0xbb 1000k 3000", "read -P 0xbb 1000k 3000", "read -P 0xaa 1M 64k",
        "write -z 1M 4k", "read -P 0 1M 4k", "write -z -u 2M 1M", "discard 1052672 4k", "read -P 0 1052672 4k",
        "aio_write -P 0xcc 5M 1M", "aio_write -P 0xdd 6M 1M", "aio_flush", "read -P 0xcc 5M 1M", "read -P 0xdd 6M 1M",
        "flush",
    ]  # fmt: skip
    said = run(peer("qemu-io"), "-f", "raw", *(word for each in commands for word in ("-c", each)), uri)
    assert "failed" not in said


def test_nbdsh_gets_every_command_through(peer: Peer, uri: str) -> None:
    script = f"""
h.add_meta_context("base:allocation")
h.connect_uri("{uri}")
h.pwrite(b"abc" * 1000, 12345, nbd.CMD_FLAG_FUA)
assert h.pread(3000, 12345) == b"abc" * 1000
h.zero(512, 12345 + 512)
assert h.pread(1024, 12345 + 256) == (b"abc" * 1000)[256:512] + bytes(512) + (b"abc" * 1000)[1024:1280]
h.zero(4096, 20480, nbd.CMD_FLAG_NO_HOLE)
h.trim(1 << 20, 0)
h.cache(1 << 20, 0)
h.flush()
found = []
h.block_status(1 << 20, 0, lambda name, offset, entries, error: found.append((name, offset, entries)))
assert found[0][:2] == ("base:allocation", 0)
holes = []
h.pread_structured(2 << 20, 4 << 20, lambda data, offset, state, error: holes.append(state))
assert holes == [nbd.READ_HOLE], holes
h.set_strict_mode(0)
for command in (lambda: h.pread(1, {SIZE}), lambda: h.pwrite(b"x", {SIZE}), lambda: h.pwrite(b"x", 0, 1 << 9)):
    try:
        command()
    except nbd.Error as error:
        print(error.errno)
h.shutdown()
"""
    system = "PATH=/usr/bin:/bin"  # nbdsh takes the first python3 of the path, and needs Debian's
    assert run("/usr/bin/env", system, peer("nbdsh"), "-c", script).split() == ["EINVAL", "ENOSPC", "EINVAL"]


def test_zeros_are_fast_where_the_file_has_holes_and_take_its_space_away(peer: Peer, uri: str, image: Path) -> None:
    offered = json.loads(run(peer("nbdinfo"), "--json", uri))["exports"][0]["can_fast_zero"]
    assert offered is can_punch_holes(image)
    before = image.stat().st_blocks
    script = f"""
h.connect_uri("{uri}")
assert h.can_fast_zero() is {offered}
for flags in (nbd.CMD_FLAG_FAST_ZERO, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE):
    try:
        h.zero({2 * MiB}, {7 * MiB + 512}, flags)
        print("zeroed")
    except nbd.Error as error:
        print(error.errno)
assert h.pread({2 * MiB}, {7 * MiB + 512}) == bytes({2 * MiB}) or not {offered}
"""
    said = run("/usr/bin/env", "PATH=/usr/bin:/bin", peer("nbdsh"), "-c", script).split()
    assert said == (["zeroed", "ENOTSUP"] if offered else ["EINVAL", "EINVAL"])
    if offered:
        assert image.stat().st_blocks <= before - MiB // 512


def test_fio_verifies_four_jobs_over_four_connections(peer: Peer, uri: str, tmp_path: Path) -> None:
    said = run(
        peer("fio"), "--name=verify", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--bsrange=512-64k",
        "--bs_unaligned=0", "--verify=crc32c", "--verify_fatal=1", "--iodepth=16", "--numjobs=4", "--size=4M",
        "--offset_increment=8M", "--group_reporting", "--output-format=json", f"--aux-path={tmp_path}",
    )  # fmt: skip
    (job,) = json.loads(said[said.index("{") :])["jobs"]
    assert job["error"] == 0
    assert job["write"]["total_ios"] > 100


def test_libnbd_starts_the_server_by_socket_activation(peer: Peer, image: Path) -> None:
    said = json.loads(run(peer("nbdinfo"), "--json", "--", "[", *SERVE, image, "]"))
    assert said["exports"][0]["export-size"] == SIZE


def test_a_command_reaches_it_by_the_variables_of_nbdkit(peer: Peer, image: Path) -> None:
    assert run(*SERVE, image, "--run", f'{peer("nbdinfo")} --size "$uri"').strip() == str(SIZE)
    assert run(*SERVE, image, "-r", "--run", f'{peer("qemu-img")} info "$nbd"').startswith("image: nbd")


def merged(extents: list[dict[str, object]]) -> list[dict[str, object]]:
    """Neighbours that differ only in their place in the file, as one."""
    whole: list[dict[str, object]] = []
    for each in extents:
        if whole and whole[-1]["data"] == each["data"]:
            whole[-1]["length"] += each["length"]  # type: ignore[operator]
        else:
            whole.append(dict(each))
    return whole


def options(uri: str) -> str:
    """The URI as a graph of QEMU's."""
    return f"driver=raw,file.driver=nbd,file.server.type=unix,file.server.path={uri.partition('socket=')[2]}"


# TLS


@pytest.fixture(scope="session")
def papers(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(peer("openssl"), tmp_path_factory.mktemp("tls"))


def client_folder(papers: Papers, folder: Path, certificate: Path | None) -> Path:
    """Certificates under the names that libnbd and QEMU look for."""
    folder.mkdir()
    shutil.copy(papers.authority, folder / "ca-cert.pem")
    if certificate is not None:
        shutil.copy(certificate, folder / "client-cert.pem")
        shutil.copy(papers.key(certificate), folder / "client-key.pem")
    return folder


def test_over_tls_libnbd_and_qemu_get_in_with_a_certificate_and_not_without(
    peer: Peer, image: Path, raw: Path, papers: Papers, tmp_path: Path
) -> None:
    known = client_folder(papers, tmp_path / "known", papers.client)
    unknown = client_folder(papers, tmp_path / "unknown", None)
    flags = ["--tls-cert", papers.server, "--tls-key", papers.key(papers.server), "--tls-ca", papers.authority]
    listening = ["--bind", "localhost", "--port", 0, "--persistent"]
    server = subprocess.Popen([*SERVE, image, *map(str, [*flags, *listening])], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        uri = urlsplit(server.stdout.readline().strip())
        assert uri.scheme == "nbds"
        at = f"nbds://localhost:{uri.port}/?tls-certificates="
        assert run(peer("nbdinfo"), "--size", f"{at}{known}").strip() == str(SIZE)
        for refused in (f"{at}{unknown}", f"nbd://localhost:{uri.port}/"):
            done = subprocess.run([peer("nbdinfo"), "--size", refused], capture_output=True, timeout=60, check=False)
            assert done.returncode != 0
        secret = ["--object", f"tls-creds-x509,id=tls,endpoint=client,dir={known}"]
        graph = f"driver=nbd,host=localhost,port={uri.port},tls-creds=tls"
        run(peer("qemu-img"), "convert", *secret, "-O", "raw", "--image-opts", graph, tmp_path / "copy.raw")
        assert (tmp_path / "copy.raw").read_bytes() == raw.read_bytes()
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0

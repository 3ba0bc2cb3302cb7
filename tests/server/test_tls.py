"""A context that cannot be had says which file is to blame."""

from pathlib import Path

import pytest

from aiovdi.server.tls import server_context


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        server_context(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    assert caught.value.filename == str(tmp_path / "cert.pem")


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text("not a certificate")
    with pytest.raises(ValueError, match=r"cert\.pem, .*: expected a certificate and its key in PEM, found something"):
        server_context(certificate=path, key=path)

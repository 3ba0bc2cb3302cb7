"""Certificates for tests of TLS, made with openssl when they are needed."""

import subprocess
from pathlib import Path


class Papers:
    """An authority, the server's certificate from it, a client's, and one from elsewhere; made with openssl."""

    def __init__(self, openssl: str, folder: Path) -> None:
        self._openssl = openssl
        self.folder = folder
        self._settings = folder / "settings"
        self._settings.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
        self.authority = self._signed("ca", None)
        self.server = self._signed("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.client = self._signed("client", "ca")
        self.elsewhere = self._signed("elsewhere", None)

    def key(self, certificate: Path) -> Path:
        return certificate.with_suffix(".key")

    def _signed(self, name: str, issuer: str | None, extension: str = "") -> Path:
        path = self.folder / f"{name}.pem"
        words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        words += ["-subj", f"/CN={name}", "-out", str(path), "-keyout", str(path.with_suffix(".key"))]
        words += [
            "-config",
            str(self._settings),
            "-addext",
            f"basicConstraints=critical,CA:{not issuer}".replace("True", "TRUE").replace("False", "FALSE"),
        ]
        words += ["-CA", f"{self.folder}/{issuer}.pem", "-CAkey", f"{self.folder}/{issuer}.key"] if issuer else []
        words += ["-addext", extension] if extension else []
        subprocess.run([self._openssl, *words], check=True, capture_output=True)
        return path

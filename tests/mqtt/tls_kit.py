"""Certificates for tests, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.itself = self._selfsigned("ca")

    def _selfsigned(self, name: str) -> Pair:
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            str(pair.key),
            "-out",
            str(pair.cert),
        )
        return pair

    def stranger(self) -> Pair:
        """Its own authority."""
        return self._selfsigned("stranger")

    def issue(self, name: str, host: str = "127.0.0.1", days: int = 2) -> Pair:
        """Signed by this authority; with `days` below zero it is over already."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        requested, more = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        more.write_text(f"subjectAltName=IP:{host}\n")
        _openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(pair.key),
            "-out",
            str(requested),
        )
        _openssl(
            "x509",
            "-req",
            "-in",
            str(requested),
            "-CA",
            str(self.itself.cert),
            "-CAkey",
            str(self.itself.key),
            "-CAcreateserial",
            "-days",
            str(days),
            "-extfile",
            str(more),
            "-out",
            str(pair.cert),
        )
        return pair

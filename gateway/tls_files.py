"""Certificates of a client that connects to a device or broker: its own, and who must have signed the other's."""

import ssl
from collections.abc import Iterable
from pathlib import Path

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceRejected
from gateway.domain.language_values import Phrase

_State = tuple[tuple[int, int, int] | None, ...]


class ClientTlsFiles:
    """`ca_file`, `cert_file` and `key_file` of a connection, read again when they change (short-lived certificates).
    Every method blocks."""

    def __init__(self, ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> None:
        self._ca_file, self._cert_file, self._key_file = ca_file, cert_file, key_file
        self._files = [file for file in (ca_file, cert_file, key_file) if file is not None]
        self._loaded: _State = ()

    @property
    def watched(self) -> bool:
        """There are files that may change."""
        return bool(self._files)

    def context(self) -> ssl.SSLContext:
        """The system's authorities, or `ca_file` alone; certificate and host name are always verified; TLS 1.2 or up.

        Raises SourceRejected when a file cannot be used.
        """
        self._loaded = _state(self._files)
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._cert_file is not None:
                context.load_cert_chain(self._cert_file, self._key_file)
        except (OSError, ssl.SSLError) as error:
            raise SourceRejected.of("source.tls_files", more=Phrase("source.more", {"why": reason(error)})) from None
        return context

    def renewed(self) -> bool:
        """Whether other files lie there than were read last, and can be used. Raises SourceRejected, once for each
        change, when they cannot: half of them may be written yet."""
        if _state(self._files) == self._loaded:
            return False
        self.context()
        return True


def _state(files: Iterable[Path]) -> _State:
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            stat = file.stat()
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)

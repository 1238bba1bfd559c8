"""TLS of the API: the server's side, and that of our own commands on the same machine."""

import ssl
from pathlib import Path

import structlog

from gateway.api.config import TlsFiles
from gateway.domain.error_reasons import reason

log = structlog.get_logger()


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Context with TLS 1.2 or newer. Raises OSError (ssl.SSLError is one) for files that cannot be read or do not
    match."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key, password=_no_password)
    return context


def pinned(cert: Path | str) -> ssl.SSLContext:
    """Context for a client that trusts exactly this certificate, whatever names are in it. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=cert)
    return context


class Renewal:
    """Detects changed certificate files."""

    def __init__(self, files: TlsFiles) -> None:
        self._files, self._seen = files, _stamp(files)

    def look(self) -> ssl.SSLContext | None:
        """A context with the new files; None when they are unchanged or not usable (then it is logged once)."""
        now = _stamp(self._files)
        if now == self._seen:
            return None
        self._seen = now
        try:
            context = server_context(self._files)
        except OSError as error:
            log.error("the renewed certificate of the api cannot be used; the one before is", error=reason(error))
            return None
        log.info("the api has a renewed certificate", cert=str(self._files.cert))
        return context


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    found = []
    for path in (files.cert, files.key):
        try:
            stat = path.stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _no_password() -> str:
    """Password callback: without it OpenSSL would prompt at the terminal."""
    raise ssl.SSLError("the key has a password")

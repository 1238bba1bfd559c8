"""Certificates of a connection: our own, and whom the broker's must be signed by. Blocking."""

import ssl

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceRejected
from gateway.domain.language_values import Phrase
from protocols.mqtt.config import MqttConfig

_State = tuple[tuple[int, int, int] | None, ...]


class BrokerTls:
    """`ca_file`, `cert_file` and `key_file` of a source, read again when they change (short-lived certificates)."""

    def __init__(self, config: MqttConfig) -> None:
        self._config = config
        self._files = [file for file in (config.ca_file, config.cert_file, config.key_file) if file is not None]
        self._loaded: _State = ()

    @property
    def watched(self) -> bool:
        """There are files that may change."""
        return bool(self._files)

    def context(self) -> ssl.SSLContext | None:
        """With TLS: the system's authorities, or `ca_file` alone; certificate and host name are always verified.

        Raises SourceRejected when a file cannot be used.
        """
        if not self._config.encrypted:
            return None
        self._loaded = self._state()
        try:
            context = ssl.create_default_context(cafile=self._config.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._config.cert_file is not None:
                context.load_cert_chain(self._config.cert_file, self._config.key_file)
        except (OSError, ssl.SSLError) as error:
            raise SourceRejected.of("source.tls_files", more=Phrase("source.more", {"why": reason(error)})) from None
        return context

    def renewed(self) -> bool:
        """Whether other files lie there than were read last, and can be used. Raises SourceRejected, once for each
        change, when they cannot: half of them may be written yet."""
        if self._state() == self._loaded:
            return False
        self.context()
        return True

    def _state(self) -> _State:
        found: list[tuple[int, int, int] | None] = []
        for file in self._files:
            try:
                stat = file.stat()
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)

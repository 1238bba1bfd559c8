"""For `fieldgate doctor`: whether the server can be reached and lets us in, and what it is."""

import asyncio
from importlib.util import find_spec

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from protocols.opcua.config import OpcUaConfig


async def server(name: str, config: OpcUaConfig) -> list[DoctorFinding]:
    """A session is opened and closed; nothing is watched."""
    if find_spec("asyncua") is None:
        return [bad("doctor.opcua_library", "doctor.opcua_library.do", source=name)]
    from protocols.opcua.client import connected

    try:
        password = await asyncio.to_thread(config.secret)
    except OSError as error:
        return [bad("doctor.secret", "doctor.secret.do", source=name, error=reason(error))]
    try:
        async with connected(f"{name}-doctor", config, password) as found:
            about = await found.about()
    except SourceError as error:
        fields = {"source": name, "where": config.where, "why": reason(error)}
        return [bad("doctor.opcua_away", "doctor.opcua_away.do", **fields)]
    findings = [ok("doctor.opcua", source=name, where=config.where, product=about.product, namespaces=about.namespaces)]
    if config.secure is None and not config.local:
        findings.append(warn("doctor.opcua_plain", "doctor.opcua_plain.do", source=name))
    return findings

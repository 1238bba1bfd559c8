"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, SourceAdapter, SourceServices
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricFamily
from gateway.probe_ports import SourcePlan
from protocols.http.config import LARGEST, EmptySecret, HttpConfig
from protocols.mapping.adapter_parts import check_with, out_of_reach, state_texts, try_message

if TYPE_CHECKING:
    from protocols.http.sender import Sender
    from protocols.http.source import HttpSource

METRICS = (MetricFamily("http_refused", "Requests that were no messages, by reason", ("reason",)),)


def _build(name: str, config: HttpConfig, services: SourceServices) -> "HttpSource":
    from protocols.http.source import HttpSource

    return HttpSource(
        name,
        config,
        services.directory,
        services.ledger,
        services.clock,
        _sender(name, config, services.file),
        sent=services.as_sent,
        retention=services.retention,
    )


def _adjust(
    source: "HttpSource", config: HttpConfig, before: SourceServices, services: SourceServices
) -> Callable[[], bool]:
    sent = None if before.sent == services.sent else services.as_sent
    return partial(source.use, config, _sender(source.name, config, services.file), sent)


def _sender(name: str, config: HttpConfig, file: str) -> "Sender":
    from protocols.http.aes import PACKAGE, installed
    from protocols.http.authenticate import sender_of

    place = f"sources.{name}.auth"
    if config.encrypted and not installed():
        raise ConfigError([Problem(file, place, "http.no_aes", {"package": PACKAGE})])
    try:
        return sender_of(config)
    except OSError as error:
        raise ConfigError([Problem(file, place, "app.secret", {"error": reason(error)})]) from None
    except EmptySecret:
        raise ConfigError([Problem(file, place, "http.empty_secret")]) from None
    except ValueError:
        raise ConfigError([Problem(file, place, "http.aes_key")]) from None


def _check(sources: Mapping[str, HttpConfig], file: str) -> ConfigFindings:
    """Addresses that others can reach without TLS; sources that share an address but not its TLS; secrets and files
    that cannot be used; routes that nothing can reach."""
    found = ConfigFindings()
    first: dict[tuple[str, int], tuple[str, HttpConfig]] = {}
    for name, source in sources.items():
        place = f"sources.{name}"
        if source.tls is None and not source.local:
            found.warnings.append(Problem(file, f"{place}.listen", "http.plain", {"listen": source.listen}))
        found.problems += _unusable(name, source, file)
        if source.max_payload > (most := min(source.max_unjournaled, LARGEST)):
            fields: dict[str, object] = {"got": source.max_payload, "most": most}
            found.problems.append(Problem(file, f"{place}.max_payload", "http.max_payload", fields))
        other, like = first.setdefault(source.address, (name, source))
        if like.tls != source.tls:
            found.problems.append(Problem(file, f"{place}.tls", "http.tls_differs", {"first": other}))
        found.problems += out_of_reach(name, source, file)
    return found


def _unusable(name: str, source: HttpConfig, file: str) -> list[Problem]:
    """Secrets that are here, and files of TLS. A secret that is not on this machine is looked at when it starts."""
    from protocols.http.listener import server_context

    found: list[Problem] = []
    try:
        _sender(name, source, file)
    except ConfigError as error:
        found += [one for one in error.problems if one.key != "app.secret"]
    if source.tls is not None:
        try:
            server_context(source.tls)
        except OSError as error:
            found.append(Problem(file, f"sources.{name}.tls", "http.tls_files", {"error": reason(error)}))
    return found


async def _examine(name: str, config: HttpConfig, *, running: bool) -> list[DoctorFinding]:
    from protocols.http.doctor import address_works

    return await address_works(name, config, running)


def _plan(name: str, config: HttpConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    scheme = "http" if config.tls is None else "https"
    return SourcePlan((), (Phrase("plan.endpoint", {"url": f"{scheme}://{config.listen}/v1/ingest/{name}"}),))


ADAPTER = SourceAdapter(
    name="http",
    config=HttpConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=check_with,
    state_texts=state_texts,
    metrics=METRICS,
    examine=_examine,
    try_message=try_message,
    plan=_plan,
)

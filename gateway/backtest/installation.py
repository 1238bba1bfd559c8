"""An installation on disk, running or not: registry, alarms and orders, the rules in force, stored readings."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.api.config import key_file
from gateway.clock import SystemClock
from gateway.domain.correction import Correction
from gateway.domain.device import Device, Point
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.domain.record import MeterExchanged, PointDefined, Record, RecordKind, RuleRemoved, RuleSet
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Role
from gateway.expected_stores import JOURNAL
from gateway.journal.reader import JournalReader
from gateway.ports import RegistryContents
from gateway.settings.model import Settings
from gateway.settings.project import load_settings
from gateway.store import ApiKeys, Database, DatabasePlace, Queries, SqlRegistryStore, temporary_key
from gateway.store.corrections import ANY, Corrections, facts_of_exchanges

if TYPE_CHECKING:
    from gateway.adapter_ports import HistoryReader
    from gateway.backtest.gateway_client import Address, HistoryPlace
    from rules.compiled import Names

KEPT = 5_000  # records per read


@dataclass(frozen=True, slots=True)
class Installation:
    """Result of `open_installation`. `known` is the registry, with the state texts of the journal."""

    settings: Settings
    lang: Lang
    database: Database
    queries: Queries
    known: RegistryContents
    journal: JournalReader
    opened: ExitStack
    """Resources closed with the installation, such as the temporary key for a running gateway."""

    def names(self) -> "Names":
        """Everything a rule may name, from the configuration files. Raises ConfigError."""
        from gateway.domain.errors import ConfigError
        from gateway.settings.calendars import calendar_name, load_calendar
        from gateway.settings.code_tables_and_fences import load_lookups
        from gateway.settings.profiles import load_profiles, vocabulary
        from rules.compiled import Names

        profiles, wrong = load_profiles(self.settings.profiles)
        words, more = vocabulary([one.profile for one in profiles.values()], {k: v.file for k, v in profiles.items()})
        lookups = load_lookups(self.settings.codes, self.settings.fences)
        name = calendar_name(self.settings.calendar, self.settings.timezone)
        calendar = load_calendar(self.settings.calendars, name, "gateway.yaml", lookups.problems)
        if problems := [*wrong, *more, *lookups.problems]:
            raise ConfigError(problems)
        return Names(words, lookups.codes, lookups.fences, calendar)

    def rules_in_force(self) -> dict[str, RuleSet]:
        """Rule id -> its newest revision in the journal. Deleted rules are left out."""
        found: dict[str, RuleSet] = {}
        for record in _all(self.journal, RecordKind.FACT):
            if isinstance(record.body, RuleSet):
                found[record.body.id] = record.body
            elif isinstance(record.body, RuleRemoved):
                found.pop(record.body.id, None)
        return found

    def revision(self, rule: str, revision: str) -> RuleSet | None:
        """One revision of a rule from the journal, or its newest one when that revision is not there."""
        newest = None
        for record in _all(self.journal, RecordKind.FACT):
            if isinstance(record.body, RuleSet) and record.body.id == rule:
                if record.body.revision == revision:
                    return record.body
                newest = record.body
        return newest

    def exchanges(self) -> list[MeterExchanged]:
        """Exchanges of meters that are in force, oldest first."""
        return facts_of_exchanges(Corrections(self.database, self.settings.tenant).exchanges(ANY))

    def corrections(self) -> list[Correction]:
        """Corrections of readings that are in force, oldest first."""
        return Corrections(self.database, self.settings.tenant).in_force()

    def device(self, number: int) -> Device | None:
        """The device with this id."""
        return next((one for one in self.known.devices if one.id == number), None)

    @contextmanager
    def history(self) -> Iterator[tuple["HistoryReader", "HistoryPlace"]]:
        """(stored readings, their location for other processes). Readings that only a running gateway can read come
        through its API. Raises StoreError."""
        from gateway.adapters import SERIES
        from gateway.backtest.gateway_client import Address, GatewayClient, HistoryPlace

        adapter, address = SERIES[self.settings.history.type], Address()
        place = adapter.place(self.settings.data_dir, self.settings.history)
        with ExitStack() as opened:

            def connect() -> GatewayClient:
                nonlocal address
                address = self.opened.enter_context(self._address())  # other processes may call the API later
                return opened.enter_context(GatewayClient(address, self.lang))

            history = adapter.open_history(place, connect)
            opened.callback(history.close)
            yield history, HistoryPlace(adapter.name, place, address)

    @contextmanager
    def _address(self) -> Iterator["Address"]:
        """Address of the running gateway, with a temporary key. Raises StoreError when no key can be made."""
        from gateway.backtest.gateway_client import Address

        api, path = self.settings.api, key_file(self.settings.data_dir, self.settings.tenant)
        if not api.port:
            raise StoreError(localize("review.no_port", self.lang, path=self.settings.data_dir))
        keys = ApiKeys(self.database, self.settings.tenant)
        with ExitStack() as resources:
            try:
                key = resources.enter_context(temporary_key(keys, path, Role.OPERATOR, "history"))
            except (OSError, StoreError) as error:
                why = reason(error)
                raise StoreError(localize("review.no_key", self.lang, path=path, error=why)) from error
            yield Address(api.address, key, str(api.tls.cert) if api.tls else "")


@contextmanager
def open_installation(config: Path, lang: Lang | None = None) -> Iterator[Installation]:
    """Open an installation read-only. Raises ConfigError, and StoreError when there is no data yet."""
    settings = load_settings(config)
    language: Lang = lang or settings.language
    place = DatabasePlace(settings.data_dir, settings.database)
    journal_file = settings.data_dir / JOURNAL
    if not place.exists() or not journal_file.is_file():
        raise StoreError(localize("review.no_data", language, path=settings.data_dir, config=config))
    database = place.open()
    try:
        journal = JournalReader(journal_file)
        try:
            known = SqlRegistryStore(database, SystemClock(), settings.tenant).load()
            known = RegistryContents(known.sites, known.customers, known.devices, _with_texts(known.points, journal))
            queries = Queries(database, settings.tenant)
            with ExitStack() as opened:
                yield Installation(settings, language, database, queries, known, journal, opened)
        finally:
            journal.close()
    finally:
        database.dispose()


def _all(journal: JournalReader, kind: RecordKind) -> Iterator[Record]:
    after = 0
    while records := journal.kept(kind, after, KEPT):
        yield from records
        after = records[-1].seq


def _with_texts(points: Sequence[Point], journal: JournalReader) -> tuple[Point, ...]:
    """Add the newest state texts: the journal has them before the database does."""
    rows: dict[int, Point] = {point.id: point for point in points}
    for record in _all(journal, RecordKind.DEFINE):
        if not isinstance(record.body, PointDefined):
            continue
        kept, newer = rows.get(record.body.point.id), record.body.point.values
        if kept is not None and len(newer) > len(kept.values):
            rows[kept.id] = replace(kept, values=newer)
    return tuple(rows.values())

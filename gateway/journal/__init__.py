"""The durable journal: a message is acknowledged only after it is journaled (DESIGN section 5)."""

from gateway.journal.config import JournalConfig
from gateway.journal.reader import JournalReader
from gateway.journal.sqlite_journal import SqliteJournal
from gateway.journal.stats import JournalStats

__all__ = ["JournalConfig", "JournalReader", "JournalStats", "SqliteJournal"]

"""The relational store: tables, migrations, repositories. SQLite when embedded, PostgreSQL at scale.

Nothing outside this folder knows SQL. Blocking; writes are serialised (one writer connection), reads have their own.
"""

from gateway.store.access import ApiKey, ApiKeys, Inbound, Inbox
from gateway.store.audience import CustomerAudience
from gateway.store.audit import Deed, SecurityAudit
from gateway.store.beside import beside, lent_key, me
from gateway.store.control import SqlControlOutbox
from gateway.store.database import Database
from gateway.store.deliveries import SqlDeliveryQueue
from gateway.store.erase import Erased, blank_dead, erase_customer
from gateway.store.queries import AlarmFilter, DeliveryFilter, DeliveryRow, OrderFilter, Page, Queries
from gateway.store.registry import SqlRegistryStore
from gateway.store.retention import forget
from gateway.store.unit import DeskBooks, SqlUnit

__all__ = [
    "AlarmFilter",
    "ApiKey",
    "ApiKeys",
    "CustomerAudience",
    "Database",
    "Deed",
    "DeliveryFilter",
    "DeliveryRow",
    "DeskBooks",
    "Erased",
    "Inbound",
    "Inbox",
    "OrderFilter",
    "Page",
    "Queries",
    "SecurityAudit",
    "SqlControlOutbox",
    "SqlDeliveryQueue",
    "SqlRegistryStore",
    "SqlUnit",
    "beside",
    "blank_dead",
    "erase_customer",
    "forget",
    "lent_key",
    "me",
]

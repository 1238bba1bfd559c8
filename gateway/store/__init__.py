"""The relational store: tables, migrations, repositories. SQLite when embedded, PostgreSQL at scale.

SQL is used only in this folder. Blocking; writes are serialised (one writer connection), reads have their own.
"""

from gateway.store.audience import CustomerAudience
from gateway.store.audit_trail import AuditTrail, TrailFilter
from gateway.store.control_outbox import SqlControlOutbox
from gateway.store.database import Database
from gateway.store.delivery_queue import SqlDeliveryQueue
from gateway.store.desk_store import SqlDeskStore, SqlDeskTransaction
from gateway.store.erase import Erased, blank_dead, erase_customer
from gateway.store.keys_and_callbacks import ApiKey, ApiKeys, Inbound, Inbox
from gateway.store.local_database import DatabasePlace, hold, local_actor, local_database, temporary_key
from gateway.store.queries import AlarmFilter, DeliveryFilter, DeliveryRow, OrderFilter, Page, Queries
from gateway.store.registry_store import SqlRegistryStore
from gateway.store.repositories import Repositories
from gateway.store.retention import delete_expired
from gateway.store.security_audit import AuditedAct, SecurityAudit

__all__ = [
    "AlarmFilter",
    "ApiKey",
    "ApiKeys",
    "AuditTrail",
    "AuditedAct",
    "CustomerAudience",
    "Database",
    "DatabasePlace",
    "DeliveryFilter",
    "DeliveryRow",
    "Erased",
    "Inbound",
    "Inbox",
    "OrderFilter",
    "Page",
    "Queries",
    "Repositories",
    "SecurityAudit",
    "SqlControlOutbox",
    "SqlDeliveryQueue",
    "SqlDeskStore",
    "SqlDeskTransaction",
    "SqlRegistryStore",
    "TrailFilter",
    "blank_dead",
    "delete_expired",
    "erase_customer",
    "hold",
    "local_actor",
    "local_database",
    "temporary_key",
]

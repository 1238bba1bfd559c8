"""All queries and stores of one database for one tenant, opened together."""

from dataclasses import dataclass

from gateway.store.audit_trail import AuditTrail
from gateway.store.control_outbox import SqlControlOutbox
from gateway.store.corrections import Corrections
from gateway.store.database import Database
from gateway.store.delivery_queue import SqlDeliveryQueue
from gateway.store.device_command_store import SqlDeviceCommands
from gateway.store.keys_and_callbacks import ApiKeys, Inbox
from gateway.store.plan_queries import PlanQueries
from gateway.store.queries import Queries
from gateway.store.security_audit import SecurityAudit


@dataclass(frozen=True, slots=True)
class Repositories:
    """Blocking. Reads may run in any thread, writes in the desk's thread."""

    database: Database
    queries: Queries
    deliveries: SqlDeliveryQueue
    keys: ApiKeys
    audit: SecurityAudit
    trail: AuditTrail
    inbox: Inbox
    outbox: SqlControlOutbox
    corrections: Corrections
    device_commands: SqlDeviceCommands
    plans: PlanQueries

    @classmethod
    def of(cls, database: Database, tenant: str) -> "Repositories":
        """Repositories of an open database that has this release's tables."""
        return cls(
            database,
            Queries(database, tenant),
            SqlDeliveryQueue(database, tenant),
            ApiKeys(database, tenant),
            SecurityAudit(database, tenant),
            AuditTrail(database, tenant),
            Inbox(database, tenant),
            SqlControlOutbox(database),
            Corrections(database, tenant),
            SqlDeviceCommands(database, tenant),
            PlanQueries(database, tenant),
        )

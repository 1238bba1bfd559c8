"""Table of hazards. Times are µs since 1970 UTC."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, SmallInteger, Table, Text

from gateway.store.columns import maybe, metadata, partial_where, tenant, text_, when, whole
from gateway.store.tables import work_order

hazard = Table(
    "hazard", metadata, tenant(primary_key=True), Column("no", Text, primary_key=True),
    Column("inspection", Text, ForeignKey(work_order.c.id), nullable=False), whole("device"), text_("code"),
    Column("level", SmallInteger, nullable=False), text_("title_en"), text_("title_zh"), text_("note"), text_("state"),
    Column("rectification", Text, ForeignKey(work_order.c.id), nullable=False), when("found_at"), text_("found_by"),
    text_("recheck"), whole("rechecks"), Column("passed", Boolean, nullable=True), text_("result_note"),
    maybe("ended_at"), text_("ended_by"), text_("reason"),
)  # fmt: skip
Index("ix_hazard_inspection", hazard.c.inspection)
Index("ix_hazard_rectification", hazard.c.rectification)
Index("ix_hazard_recheck", hazard.c.recheck, **partial_where("recheck <> ''"))
Index("ix_hazard_found", hazard.c.tenant, hazard.c.found_at, hazard.c.no)

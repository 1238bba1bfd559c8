"""Table of refused commands."""

from sqlalchemy import Column, Index, Table, Text

from gateway.store.columns import metadata, tenant, text_, when, whole

refused_command = Table(
    "refused_command", metadata, tenant(primary_key=True), Column("id", Text, primary_key=True), text_("digest"),
    text_("order_no", key="order"), when("at"), whole("status"), text_("code"), text_("text_en"), text_("text_zh"),
    text_("state"), whole("version"), text_("possible"),
)  # fmt: skip
Index("ix_refused_command_at", refused_command.c.at)

"""Alarm -> order: one fault, one order, one notice, one event per change. Decisions are pure and give their reason."""

from gateway.desk.desk import CHUNK, Desk
from gateway.desk.events import endpoint_test
from gateway.desk.lifecycle import MOVES, legal
from gateway.desk.notice_templates import NoticeTemplate, Templates
from gateway.desk.policy import DeskPolicy, OrderType

__all__ = ["CHUNK", "MOVES", "Desk", "DeskPolicy", "NoticeTemplate", "OrderType", "Templates", "endpoint_test", "legal"]

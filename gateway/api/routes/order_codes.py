"""The firm's list of faults, causes and remedies."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.access import Reader
from gateway.api.context import Gateway
from gateway.api.routes.alarms import TitleView
from gateway.api.values import Line, ResponseModel
from gateway.desk.order_codes import CodeKind, OrderCode

router = APIRouter(prefix="/v1/order-codes", tags=["work orders"])


class OrderCodeView(ResponseModel):
    """One code. `devices`: kinds of devices that it is for, empty = all. `knowledge`, `link`: what helps at work."""

    code: str
    kind: CodeKind
    name: TitleView
    devices: list[str]
    knowledge: TitleView
    link: str


@router.get("")
async def list_order_codes(
    context: Gateway,
    principal: Reader,  # noqa: ARG001 - checks the key
    kind: CodeKind | None = None,
    device: Annotated[Line, Query()] = "",
) -> list[OrderCodeView]:
    """Codes by kind and code. `device`: a kind of device."""
    codes = context.settings.desk.codes
    kinds = CodeKind if kind is None else (kind,)
    return [code_view(one) for each in kinds for one in codes.all(each, device)]


def code_view(code: OrderCode) -> OrderCodeView:
    """A code as the API shows it."""
    return OrderCodeView(
        code=code.code,
        kind=code.kind,
        name=TitleView(en=code.name.english, zh=code.name.chinese),
        devices=list(code.devices),
        knowledge=TitleView(en=code.knowledge.english, zh=code.knowledge.chinese),
        link=code.link,
    )

"""Meaning of each event sent to OA systems; `fieldgate schemas`."""

_ORDERS = {
    "created": ("A new work order: from an alarm, a storm, a batch, or a person's report", "新建工单：来自告警、告警风暴、批量合并或人工报修"),
    "updated": (
        "Something of the order changed besides its state; `changed` says what", "工单内容有变化（状态除外），`changed` 列出变化的字段",
    ),
    "assigned": ("Somebody has it: `assignee`", "已派单，见 `assignee`"),
    "accepted": ("Its engineer took it", "工程师已接单"),
    "rejected": ("Its engineer gave it back; `note` says why", "工程师退单，原因见 `note`"),
    "arrived": ("The engineer is there", "工程师已到场"),
    "started": ("Work began", "开始处理"),
    "held": ("Work waits; `holdReason` says for what", "已挂起，原因见 `holdReason`"),
    "resumed": ("Work goes on", "继续处理"),
    "resolved": ("Work is done: `resolution`", "处理完成，见 `resolution`"),
    "closed": ("The order is closed: `closeReason`", "工单已关闭，见 `closeReason`"),
    "cancelled": ("The order is cancelled: `closeReason`", "工单已取消，见 `closeReason`"),
    "merged": ("It goes on in another order: `mergedInto`", "已并入其他工单，见 `mergedInto`"),
    "reopened": ("The fault is back, or was not mended: the order goes on", "故障复发或未修好，工单重开"),
    "comment_added": ("Somebody said something: `note`", "新增备注，见 `note`"),
    "escalated": ("A milestone of a clock was reached: `escalation`", "到达时限节点，升级上报，见 `escalation`"),
    "sla_breached": ("A clock reached its target and was not met: `escalation`", "超过时限，见 `escalation`"),
    "alarm_unlatched": ("A person let a latched alarm clear", "告警已人工复位"),
}
_ALARMS = {
    "raised": ("An alarm began, or is told now", "告警触发"),
    "updated": ("It was raised again, or its level changed", "告警再次触发或级别变化"),
    "cleared": ("Its condition ended", "告警恢复"),
    "withdrawn": ("Readings that came later show that it never was", "后到的读数表明告警并未发生，撤回"),
    "merged": ("It became part of another alarm: `parent`", "并入其他告警，见 `parent`"),
}
TEXTS: dict[str, tuple[str, str]] = {
    **{f"event.workorder.{kind}": pair for kind, pair in _ORDERS.items()},
    **{f"event.alarm.{kind}": pair for kind, pair in _ALARMS.items()},
    "event.endpoint.test": (
        "A person tests the endpoint (`fieldgate endpoints test`): nothing has to be done",
        "人工测试端点（`fieldgate endpoints test`），无需处理",
    ),
    "schemas.unknown": ("there is no event {event}; there are: {known}", "没有事件 {event}；现有：{known}"),
    "api.unknown_schema": ("there is no such event; GET /v1/schemas lists them", "没有该事件；GET /v1/schemas 列出全部"),
}

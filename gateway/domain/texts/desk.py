"""What the desk says to people."""

TEXTS: dict[str, tuple[str, str]] = {
    "desk.unknown_order": ("there is no order {no}", "没有工单 {no}"),
    "desk.unknown_alarm": ("there is no alarm {alarm}", "没有告警 {alarm}"),
    "desk.unknown_device": ("there is no device {device}", "没有设备 {device}"),
    "desk.illegal_move": (
        "order {no} is {state}: {act} is not possible now",
        "工单 {no} 处于 {state} 状态，不能执行 {act}",
    ),
    "desk.not_allowed": ("role {role} may not {act} order {no}", "角色 {role} 无权对工单 {no} 执行 {act}"),
    "desk.not_assignee": ("order {no} is not assigned to {actor}", "工单 {no} 未派给 {actor}"),
    "desk.missing": ("{act} needs: {missing}", "{act} 缺少：{missing}"),
    "desk.close_needs_reason": (
        "{raised} alarm(s) of order {no} are still raised: closing it now needs a reason",
        "工单 {no} 仍有 {raised} 个告警未恢复，关闭须填写原因",
    ),
    "desk.cancel_reason": (
        "{reason!r} is no reason to cancel; write one of: {allowed}",
        "{reason!r} 不是取消原因，请填写其一：{allowed}",
    ),
    "desk.stale": (
        "order {no} is at version {version}, you changed version {expected}: read it again",
        "工单 {no} 已是版本 {version}，您修改的是版本 {expected}，请重新读取",
    ),
    "desk.command_reused": (
        "command {command} was already used for something else; a new command needs a new id",
        "指令号 {command} 已用于其他操作，新指令须使用新编号",
    ),
    "desk.command_id": (
        "a command needs an id, so that a repeat changes nothing",
        "指令须带编号，重复提交才不会重复生效",
    ),
    "desk.other_open": (
        "order {no} cannot be reopened: order {other} is already open for the same fault",
        "工单 {no} 不能重开：同一故障已有未结工单 {other}",
    ),
    "desk.not_raised": ("alarm {alarm} is not raised any more", "告警 {alarm} 已不在触发状态"),
    "desk.unlatch_group": (
        "alarm {alarm} is about group {group}: it ends when its condition does, it cannot be unlatched",
        "告警 {alarm} 针对分组 {group}，随条件恢复而结束，不能手动解除",
    ),
    "desk.rule_gone": ("rule {rule} was deleted; the order stays", "规则 {rule} 已删除，工单保留"),
    "desk.template_error": ("template {template} ({language}): {error}", "模板 {template}（{language}）：{error}"),
}

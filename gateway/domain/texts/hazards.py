"""Hazards: inspection, rectification, recheck; rounds; what people may not do there."""

TEXTS: dict[str, tuple[str, str]] = {
    "word.hazard.rectifying": ("being rectified", "整改中"),
    "word.hazard.rechecking": ("waiting for the recheck", "待复查"),
    "word.hazard.cleared": ("cleared", "已销号"),
    "word.hazard.withdrawn": ("withdrawn", "已撤销"),
    "hazards.rectification": ("Rectify: {title}", "整改：{title}"),
    "hazards.recheck": ("Recheck: {title}", "复查：{title}"),
    "hazards.why": ("hazard {hazard}, after order {no}", "隐患 {hazard}，来自工单 {no}"),
    "hazards.failed": ("recheck {no} failed: {note}", "复查 {no} 未通过：{note}"),
    "hazards.cleared": ("hazard {hazard} is cleared by recheck {no}", "隐患 {hazard} 经复查 {no} 合格，已销号"),
    "desk.act.record_hazard": ("record a hazard", "登记隐患"),
    "desk.act.recheck_hazard": ("record a recheck", "填写复查结果"),
    "desk.act.withdraw_hazard": ("withdraw a hazard", "撤销隐患"),
    "desk.act.skip_plan": ("skip a planned date", "跳过计划日期"),
    "desk.act.postpone_plan": ("postpone a planned date", "推迟计划日期"),
    "desk.act.record_stop": ("record a stop of the round", "登记巡检点"),
    "desk.act.unlatch": ("unlatch", "解锁"),
    "desk.open_stops": (
        "order {no} is a round, and {count} of its devices are open; record each as done, or as skipped with a reason",
        "工单 {no} 是巡检单，还有 {count} 台设备未登记；请逐台登记完成，或注明原因后跳过",
    ),
    "desk.open_hazards": (
        "order {no} found {count} hazards that are not cleared; it ends after their rechecks",
        "工单 {no} 发现的隐患还有 {count} 项未销号；全部复查通过后才能结束",
    ),
    "desk.hazard_open": (
        "order {no} belongs to hazard {hazard}, which is open; it ends when a recheck passes, or a supervisor withdraws it",
        "工单 {no} 属于隐患 {hazard}，尚未销号；复查通过或由主管撤销后才能结束",
    ),
    "desk.hazard_over": (
        "hazard {hazard} of order {no} has ended; record a new hazard on an inspection",
        "工单 {no} 所属隐患 {hazard} 已结束；请在检查工单上登记新的隐患",
    ),
    "desk.recheck_missing": (
        "hazard {no} has no result of its recheck; record whether it passed first",
        "隐患 {no} 还没有复查结果；请先登记是否通过",
    ),
    "desk.hazard_not_on_site": (
        "nobody works on order {no} yet; a hazard is recorded from accept to resolve; possible: {possible}",
        "工单 {no} 还没有人处理；接单之后才能登记隐患；当前可以：{possible}",
    ),
    "desk.hazard_not_rechecking": (
        "hazard {no} has no open recheck; its rectification is resolved first",
        "隐患 {no} 没有待做的复查；须先完成整改",
    ),
    "desk.recheck_not_started": (
        "recheck {no} is not started; accept and start it first",
        "复查工单 {no} 尚未开始；请先接单并开始",
    ),
    "desk.recheck_note": ("write in note what is still wrong with {no}", "请在 note 中写明 {no} 仍存在的问题"),
    "desk.withdraw_reason": ("write the reason why {no} is no hazard", "请写明撤销 {no} 的原因"),
    "desk.hazard_ended": ("hazard {no} has ended", "隐患 {no} 已结束"),
    "desk.unknown_hazard": ("there is no hazard {no}", "没有隐患 {no}"),
    "desk.unknown_plan": ("plan {plan} has nothing planned for {thing}", "计划 {plan} 没有 {thing} 的日期"),
    "desk.no_date": (
        "{thing} has no planned date in {plan} now: its order is open, or it has no first day",
        "{thing} 在计划 {plan} 中目前没有日期：工单未完成，或缺少起始日期",
    ),
    "desk.plan_reason": ("write the reason", "请写明原因"),
    "desk.postpone_until": (
        "{until} is not later than the planned {due}; write a later time",
        "{until} 不晚于计划时间 {due}；请写更晚的时间",
    ),
    "desk.unknown_stop": ("device {device} is not part of round {no}", "设备 {device} 不在巡检单 {no} 中"),
    "desk.round_ended": ("round {no} has ended", "巡检单 {no} 已结束"),
}

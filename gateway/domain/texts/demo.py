"""What the demo says while it plays."""

TEXTS: dict[str, tuple[str, str]] = {
    "demo.title": ("Fieldgate demo", "Fieldgate 演示"),
    "demo.start": ("a real MQTT broker, 12 chargers, 8 vans, 6 gas meters, 5 pressure sensors, an OA system, an SMS gateway, and the gateway", "真实的 MQTT 代理、12 台充电桩、8 辆物流车、6 块燃气表、5 个压力变送器、OA 系统、短信网关,以及网关本身"),
    "demo.overheat": ("connector 1 of charger CD-HZ-0003 (城西) overheats: expect one work order and an SMS to the customer", "城西站 CD-HZ-0003 的 1 号枪过温:应产生一张工单,并给客户发一条短信"),
    "demo.overheat.done": ("the OA system has order {no}, signed, {ms} ms after the condition was met", "条件满足后 {ms} 毫秒,OA 系统已收到带签名的工单 {no}"),
    "demo.repeat": ("the same connector repeats itself 200 times and adds the vendor's own code E07: still the same order", "同一把枪重复上报 200 次,并附带厂家故障码 E07:仍是同一张工单"),
    "demo.silent": ("charger CD-HZ-0007 (城西) goes silent: offline after 8 s, without a single message", "城西站 CD-HZ-0007 停止上报:8 秒后判定离线,无需任何报文"),
    "demo.pressure": ("two of the five pressure sensors of 文三片区 fall below 1.6 kPa: expect one emergency order, and one SMS to each of the area's four customers", "文三片区五个压力变送器中有两个低于 1.6 kPa:应产生一张抢险工单,并给片区四位客户各发一条短信"),
    "demo.pressure.done": ("emergency order {no} for the area, decided across the kill; told once: {told} of {customers} customers of the area", "片区抢险工单 {no},判断过程跨越了 kill;每户恰好一条短信:片区 {customers} 户中 {told} 户"),
    "demo.kill": ("kill -9 on the gateway, then start it again; the devices go on talking meanwhile", "对网关执行 kill -9 再重启;期间设备照常上报"),
    "demo.restarted": ("back after {ms} ms; what was published meanwhile comes now", "{ms} 毫秒后恢复;期间发布的数据正在补收"),
    "demo.import": ("four months of history of gas meter GM-000100 come in: three months without consumption", "导入燃气表 GM-000100 四个月的历史数据:其中连续三个月零用气"),
    "demo.clear": ("the connector cools down, the charger speaks again: the conditions clear, the orders stay with the people", "枪头降温、充电桩恢复上报:告警消除,工单由人处理"),
    "demo.counting": ("stopping; every message that was acknowledged is looked up in the store", "正在停止;逐条核对已确认的报文是否都在库中"),
    "demo.counts": ("published {published} · journaled {journaled} · stored {stored} · orders {orders} · webhooks {webhooks} · SMS {notices}", "已发布 {published} · 已记账 {journaled} · 已入库 {stored} · 工单 {orders} · 回调 {webhooks} · 短信 {notices}"),
    "demo.verdict": ("lost {lost}, doubled {doubled}, orders expected {expected} = arrived {arrived}", "丢失 {lost},重复 {doubled},应有工单 {expected} = 实到 {arrived}"),
    "demo.order": ("one order as the OA sees it", "OA 看到的一张工单"),
    "demo.webhook": ("the last webhook", "最后一条 webhook"),
    "demo.good": ("all promises kept", "所有承诺均已兑现"),
    "demo.bad": ("NOT as promised: {what}", "未达承诺:{what}"),
    "demo.missing": ("the demo needs iotcore, aiomqtt and paho-mqtt: pip install 'fieldgate[sim]'", "演示需要 iotcore、aiomqtt 和 paho-mqtt:pip install 'fieldgate[sim]'"),
}

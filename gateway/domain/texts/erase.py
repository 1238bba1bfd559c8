"""`fieldgate erase`."""

TEXTS: dict[str, tuple[str, str]] = {
    "erase.listed": (
        "{code} is in the list of customers ({file}): take them off it first, else the next start brings them back",
        "{code} 仍在客户清单（{file}）中：请先从清单中删除，否则下次启动会重新载入",
    ),
    "erase.unknown": ("nothing is known of customer {code}", "没有客户 {code} 的任何记录"),
    "erase.record": ("name, phone number and attributes", "姓名、电话和属性"),
    "erase.no_record": ("no record of them was left", "已无客户资料"),
    "erase.done": (
        "customer {code} is erased: {record}; texts of {notices} notice(s); {deliveries} message(s) with their attempts; {texts} text(s) in the audit of orders",
        "客户 {code} 已清除：{record}；{notices} 条通知的文字；{deliveries} 条消息及其发送记录；工单审计记录中的 {texts} 处文字",
    ),
    "erase.refused": (
        "the running gateway at {url} refused it ({status}); the admin key is read from {key}",
        "运行中的网关 {url} 拒绝了请求（{status}）；管理员密钥取自 {key}",
    ),
}

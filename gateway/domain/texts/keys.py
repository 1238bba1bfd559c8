"""`fieldgate keys`."""

TEXTS: dict[str, tuple[str, str]] = {
    "keys.none": ("there is no key yet", "还没有密钥"),
    "keys.created": (
        "the key {name} ({role}) is created; it is shown only now:",
        "已创建密钥 {name}（{role}）；仅此一次显示：",
    ),
    "keys.revoked": ("the key {name} is revoked", "密钥 {name} 已吊销"),
    "keys.no_admin": (
        "there is no key of an admin any more; make one: fieldgate keys create NAME --role admin",
        "已没有管理员密钥；请创建一个：fieldgate keys create 名称 --role admin",
    ),
    "keys.name": (
        "{name!r} cannot be the name of a key; write letters, digits and . _ @ -, at most 60, the first a letter or digit",
        "{name!r} 不能作为密钥名称；请使用字母、数字和 . _ @ -，最多 60 个字符，以字母或数字开头",
    ),
    "keys.taken": (
        "there is, or was, a key {name}: orders and the audit name it; choose another name",
        "密钥 {name} 已存在或曾存在，工单和审计中有其记录；请换一个名称",
    ),
    "keys.unknown": ("there is no live key {name}; fieldgate keys list shows them", "没有有效的密钥 {name}；可用 fieldgate keys list 查看"),
    "keys.expires": ("{got!r} is no time from now; write 12h, 90d or 52w", "{got!r} 不是有效期；请写 12h、90d 或 52w"),
    "keys.everywhere": ("all sites", "全部场站"),
    "keys.live": ("valid", "有效"),
    "keys.gone": ("revoked", "已吊销"),
    "keys.expired": ("expired", "已过期"),
    "keys.unused": ("never", "从未"),
    "keys.used": ("last used: {at}", "最近使用：{at}"),
}  # fmt: skip

"""Messages of the registry."""

TEXTS: dict[str, tuple[str, str]] = {
    "registry.texts_apart": (
        "{point}: another process gave other codes to the texts of this point; let one process receive its devices",
        "{point}：另一个进程已为该测点的状态文本分配了不同的编码；请只由一个进程接收这些设备的数据",
    ),
    "registry.refused.long": (
        "a text of more than 64 characters is no state; correct the path or the device",
        "超过 64 个字符的文本不是状态；请更正路径或设备",
    ),
    "registry.refused.device": (
        "this device brought 64 texts that nobody named: further ones are refused; name them in the profile, or clear what was learned (POST /v1/state-texts/clear)",
        "该设备已上报 64 个未登记的状态文本，之后的将被拒绝；请在型号文件中登记，或清除已学习的文本（POST /v1/state-texts/clear）",
    ),
    "registry.refused.full": (
        "devices brought 1024 texts of this point that nobody named: further ones are refused; name them in the profile, or clear what was learned (POST /v1/state-texts/clear)",
        "各设备在该测点已上报 1024 个未登记的状态文本，之后的将被拒绝；请在型号文件中登记，或清除已学习的文本（POST /v1/state-texts/clear）",
    ),
}

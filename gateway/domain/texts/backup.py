"""`fieldgate backup` and `fieldgate restore`."""

TEXTS: dict[str, tuple[str, str]] = {
    "backup.done": ("{path}: {size}, the journal up to record {head}; checked", "{path}：{size}，日志库至第 {head} 条记录；已检查"),
    "backup.elsewhere": (
        "the readings in {name} are not in the copy; copy them with its own tools",
        "{name} 中的读数不在备份中；请用该数据库自己的工具备份",
    ),
    "backup.left_out": (
        "left out, too large to be configuration: {path}",
        "未包含（过大，不像配置文件）：{path}",
    ),
    "backup.exists": ("{path} is there already; write another name", "{path} 已存在；请换一个名称"),
    "backup.failed": ("{path} cannot be written: {error}", "无法写入 {path}：{error}"),
    "backup.busy": (
        "{path} changed {tries} times while it was copied; try again when fewer readings come in",
        "复制 {path} 期间它变化了 {tries} 次；请在读数较少时重试",
    ),
    "backup.apart": (
        "the copied files do not fit together (desk {desk}, readings {series}, journal {floor} to {head}); try again, or stop the gateway for it",
        "复制的文件彼此不一致（工单 {desk}，读数 {series}，日志库 {floor} 至 {head}）；请重试，或停止网关后再备份",
    ),
    "restore.done": (
        "{path}: {size} of {at}, the journal up to record {head}. Set data_dir to it and start the gateway; check --data reads all of it before",
        "{path}：{at} 的备份，{size}，日志库至第 {head} 条记录。请将 data_dir 指向它并启动网关；启动前可用 `fieldgate check --data` 全面检查",
    ),
    "restore.config": ("the saved configuration: {path}", "备份的配置：{path}"),
    "restore.not_empty": (
        "{path} is not empty; an installation is never overwritten. Write another folder, or move this one away first",
        "{path} 不是空目录；恢复从不覆盖已有数据。请换一个目录，或先移走现有目录",
    ),
    "restore.none": ("{path} is no backup of this program", "{path} 不是本程序的备份"),
    "restore.damaged": ("{path}: {name} is missing or damaged; nothing was restored", "{path}：{name} 缺失或损坏；未恢复任何内容"),
    "restore.failed": ("{path} cannot be restored: {error}", "无法恢复 {path}：{error}"),
}  # fmt: skip

"""The chain of the audit of orders, and `fieldgate audit`."""

TEXTS: dict[str, tuple[str, str]] = {
    "audit.gap": (
        "rows {first} to {last} are missing",
        "缺少第 {first} 至 {last} 行",
    ),
    "audit.end": (
        "rows {first} to {last} are missing at the end",
        "末尾缺少第 {first} 至 {last} 行",
    ),
    "audit.text": (
        "its text (`data`) is not the one that was recorded",
        "其内容（`data`）与当时记录的不符",
    ),
    "audit.row": (
        "one of its fields was changed: its hash would be {expected}, but {found} is recorded",
        "有字段被改动：应得哈希 {expected}，而记录的是 {found}",
    ),
    "audit.link": (
        "it does not continue row {before}: that row has the hash {expected}, this one names {found}",
        "与第 {before} 行不衔接：该行哈希为 {expected}，而本行所引为 {found}",
    ),
    "audit.head": (
        "it is not the newest row that is kept beside the rows ({newest})",
        "与另行保存的最新一行（{newest}）不符",
    ),
    "audit.noted": (
        "its hash is {found}, not the noted {expected}: the chain was written anew after that was noted",
        "哈希为 {found}，与所记 {expected} 不同：此后整条链被重新写过",
    ),
    "audit.ok": (
        "{place}: the audit of orders is whole: {rows} row(s), {erased} of them with erased text. Newest row: {newest}",
        "{place}：工单审计记录完整：共 {rows} 行，其中 {erased} 行内容已清除。最新一行：{newest}",
    ),
    "audit.broken": (
        "{place}: row {number} differs: {why}",
        "{place}：第 {number} 行不符：{why}",
    ),
    "audit.broken_order": (
        "{place}: row {number} (order {no}, version {seq}) differs: {why}",
        "{place}：第 {number} 行（工单 {no}，第 {seq} 版）不符：{why}",
    ),
    "audit.before": (
        "{rows} row(s) before it agree; the last of them: {newest}",
        "此前 {rows} 行相符，最后一行为：{newest}",
    ),
    "audit.not_noted": (
        "{value!r} is no place of the chain; write what `fieldgate audit verify` printed as the newest row: NUMBER:HASH",
        "{value!r} 不是链中的位置；请填 `fieldgate audit verify` 输出的最新一行：NUMBER:HASH",
    ),
    "audit.older": (
        "{place}: the database is of an older release, whose audit has no hashes; the next start of this release adds them",
        "{place}：该数据库属于较早的版本，审计记录没有哈希；用本版本启动一次后即会补上",
    ),
    "audit.no_database": (
        "{path} is no backup with a database; name a folder or an archive that `fieldgate backup` made, or a database file",
        "{path} 不是含数据库的备份；请给出 `fieldgate backup` 生成的目录或归档，或数据库文件",
    ),
    "audit.server_backup": (
        "{path} has no database: that of this installation is on a server and is copied by the tools of the server",
        "{path} 中没有数据库：本系统的数据库在服务器上，由服务器自带工具备份",
    ),
}  # fmt: skip

"""Texts of the data folder: what is wrong with a store, and what to do about it."""

TEXTS: dict[str, tuple[str, str]] = {
    "store.newer": (
        "the database is at revision {found}, this release knows up to {known}; nothing was changed. Start the newer release again, or put back a copy (fieldgate.sqlite.revision-*) that this release knows",
        "数据库的版本为 {found}，本版本程序最多支持 {known}；未做任何改动。请改用较新的程序启动，或放回本程序支持的副本（fieldgate.sqlite.revision-*）",
    ),
    "store.backup": (
        "the database must be changed for this release, but it could not be copied to {path} before: {error}. Nothing was changed",
        "本版本需要修改数据库，但未能先将其备份到 {path}：{error}。未做任何改动",
    ),
    "store.migrate.pending": (
        "{path}: revision {current}; to apply: {pending}. `fieldgate migrate` or the next start copies the database and applies them",
        "{path}：当前版本 {current}；待应用：{pending}。`fieldgate migrate` 或下次启动时会先备份数据库再应用",
    ),
    "store.migrate.current": (
        "{path}: revision {current}, up to date",
        "{path}：版本 {current}，已是最新",
    ),
    "store.migrate.none": (
        "{path}: no database yet; the first start makes one of revision {head}",
        "{path}：尚无数据库；首次启动时会创建版本 {head}",
    ),
    "store.migrate.done": (
        "{path}: brought from revision {current} to {head}; the copy from before is {copy}",
        "{path}：已从版本 {current} 升级到 {head}；升级前的副本为 {copy}",
    ),
}  # fmt: skip

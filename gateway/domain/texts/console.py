"""Output of the commands."""

TEXTS: dict[str, tuple[str, str]] = {
    "console.problems": ("{count} problem(s): nothing was started", "共 {count} 处问题：未启动任何程序"),
    "console.filled": (
        "not set or not readable here, and not needed for this: {places}",
        "此处未设置或读不到，本命令也不需要：{places}",
    ),
    "console.ready": ("{name} is live: {url}", "{name} 已就绪：{url}"),
    "console.first_key": (
        "first start: the admin key is in {path} (readable by this user only)",
        "首次启动：管理员密钥在 {path}（仅当前用户可读）",
    ),
    "app.misplaced": (
        "package {name} comes from elsewhere than the rest of Fieldgate; install it into a venv of its own",
        "软件包 {name} 与 Fieldgate 其余部分不在同一位置；请安装到独立的 venv 中",
    ),
    "app.data_open": (
        "data_dir {path} is open to other users (mode {mode}) and cannot be closed: {error}; give it to the user that runs the gateway, with mode 0700",
        "数据目录 {path} 对其他用户开放（权限 {mode}）且无法收紧：{error}；请将其归属运行网关的用户，权限设为 0700",
    ),
    "app.data_make": (
        "data_dir {path} cannot be made: {error}; write another folder, or make this one for the user that runs the gateway",
        "无法创建数据目录 {path}：{error}；请换一个目录，或为运行网关的用户创建该目录",
    ),
    "app.data_write": (
        "data_dir {path} cannot be written by the user {user}; give it to that user (chown {user} {path}), or write another folder",
        "用户 {user} 无法写入数据目录 {path}；请将其归属该用户（chown {user} {path}），或换一个目录",
    ),
    "app.secret": ("the secret cannot be read: {error}", "无法读取密钥文件：{error}"),
}

"""Texts of the InfluxDB store."""

TEXTS: dict[str, tuple[str, str]] = {
    "influx.url": ("{value!r} is no address of a server; write http://127.0.0.1:8086 or https://…, without user and password", "{value!r} 不是服务器地址；请写 http://127.0.0.1:8086 或 https://…，不含用户名和密码"),
    "influx.token_once": ("give token: ${{ENV_NAME}} or token_file, exactly one of them", "token: ${{ENV_NAME}} 与 token_file 必须且只能填一个"),
    "influx.cert_and_key": ("cert_file and key_file belong together: give both or neither", "cert_file 与 key_file 须同时填写，或都不填"),
    "influx.token_file": ("the token cannot be read from {path}: {error}", "无法从 {path} 读取令牌：{error}"),
    "influx.library": (
        "the client for InfluxDB is not installed: pip install influxdb-client",
        "未安装 InfluxDB 客户端：pip install influxdb-client",
    ),
    "influx.plain": (
        "{value} sends the token and all readings unencrypted over the network; use https",
        "{value} 会在网络上明文传输令牌和所有读数；请改用 https",
    ),
    "doctor.influx": ("store {name}: {url} takes the token, bucket {bucket} can be used", "读数库 {name}：{url} 接受令牌，存储桶 {bucket} 可用"),
    "doctor.influx_away": ("store {name}: {url}, bucket {bucket}: {why}", "读数库 {name}：{url}，存储桶 {bucket}：{why}"),
    "doctor.influx_away.do": (
        "start the server, or correct url, org, bucket or token; the readings wait in the journal meanwhile",
        "请启动服务器，或更正 url、org、bucket、token；在此期间读数保留在日志库中",
    ),
}

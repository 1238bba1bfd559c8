"""Texts of the PostgreSQL store."""

TEXTS: dict[str, tuple[str, str]] = {
    "postgres.password_once": ("give password or password_file, not both", "password 与 password_file 只能填一个"),
    "postgres.cert_and_key": ("cert_file and key_file belong together: give both or neither", "cert_file 与 key_file 须同时填写，或都不填"),
    "postgres.driver": (
        "the PostgreSQL driver is not installed: pip install psycopg[binary]",
        "未安装 PostgreSQL 驱动：pip install psycopg[binary]",
    ),
    "postgres.secret": ("the password cannot be read from {path}: {what}", "无法从 {path} 读取密码：{what}"),
    "postgres.unreachable": ("PostgreSQL {place}: no connection: {what}", "PostgreSQL {place}：无法连接：{what}"),
    "postgres.refused": (
        "PostgreSQL {place} lets nobody in with this user and password: {what}. Correct user and password, or pg_hba.conf of the server",
        "PostgreSQL {place} 拒绝该用户和密码登录：{what}。请更正用户名和密码，或服务器的 pg_hba.conf",
    ),
    "postgres.tls": (
        "PostgreSQL {place}: no agreement on TLS: {what}. See tls, ca_file and the server's certificate",
        "PostgreSQL {place}：TLS 协商失败：{what}。请检查 tls、ca_file 和服务器证书",
    ),
    "postgres.no_database": (
        "PostgreSQL {place}: there is no such database: {what}. Make it: CREATE DATABASE … ENCODING 'UTF8'",
        "PostgreSQL {place}：没有这个数据库：{what}。请先创建：CREATE DATABASE … ENCODING 'UTF8'",
    ),
    "postgres.read_only": (
        "PostgreSQL {place} takes no writes (a standby, or set to read only): {what}",
        "PostgreSQL {place} 不接受写入（备库，或被设为只读）：{what}",
    ),
    "postgres.rights": (
        "PostgreSQL {place}: the user lacks a right: {what}. It needs CREATE on the database, or a schema it owns",
        "PostgreSQL {place}：用户权限不足：{what}。需要数据库的 CREATE 权限，或一个属于该用户的 schema",
    ),
    "postgres.full": ("PostgreSQL {place}: the server's disk is full: {what}", "PostgreSQL {place}：服务器磁盘已满：{what}"),
    "postgres.gone": (
        "PostgreSQL {place}: a table is not there any more: {what}. Missing tables are made anew",
        "PostgreSQL {place}：数据表已不存在：{what}。缺少的表将重新创建",
    ),
    "postgres.slow": (
        "PostgreSQL {place}: stopped after the time limit (timeout): {what}",
        "PostgreSQL {place}：超过时限（timeout），已中止：{what}",
    ),
    "postgres.locked": (
        "PostgreSQL {place}: somebody else holds a lock for too long: {what}",
        "PostgreSQL {place}：其他会话持锁时间过长：{what}",
    ),
    "postgres.failed": ("PostgreSQL {place}: {what}", "PostgreSQL {place}：{what}"),
    "postgres.misfit": (
        "PostgreSQL {place}: the tables are not those of this program: {what}",
        "PostgreSQL {place}：数据表与本程序不符：{what}",
    ),
    "postgres.taken": (
        "PostgreSQL {place}: another gateway writes the schema {schema}; give each its own schema_name",
        "PostgreSQL {place}：另一个网关正在写入 schema {schema}；请为每个网关设置各自的 schema_name",
    ),
    "postgres.old": (
        "PostgreSQL {place}: release {found} is too old; 14 or newer is needed",
        "PostgreSQL {place}：版本 {found} 过低，需要 14 或更新版本",
    ),
    "postgres.encoding": (
        "PostgreSQL {place}: the database has the encoding {found}; make one with UTF8",
        "PostgreSQL {place}：数据库编码为 {found}；请改用 UTF8 编码的数据库",
    ),
    "postgres.warn.plain": (
        "passwords and readings go to {place} unencrypted, or to a server whose certificate nobody checks; write tls: verify-full",
        "发往 {place} 的密码和读数未加密，或未校验服务器证书；请设置 tls: verify-full",
    ),
    "postgres.doctor.ok": (
        "PostgreSQL {place}: release {version}, {layout}, schema {schema}",
        "PostgreSQL {place}：版本 {version}，{layout}，schema {schema}",
    ),
    "postgres.layout.hypertable": ("TimescaleDB {extension}", "TimescaleDB {extension}"),
    "postgres.layout.partitions": ("partitions without TimescaleDB", "无 TimescaleDB，使用分区表"),
    "postgres.doctor.bad": ("{error}", "{error}"),
    "postgres.doctor.bad.do": (
        "readings wait in the journal until this is mended",
        "在此修复之前，读数保留在日志库中",
    ),
    "postgres.doctor.rights": (
        "PostgreSQL {place}: the user {user} may not {what}",
        "PostgreSQL {place}：用户 {user} 无权{what}",
    ),
    "postgres.doctor.rights.do": (
        "as its owner: CREATE SCHEMA {schema} AUTHORIZATION {user}",
        "请由数据库所有者执行：CREATE SCHEMA {schema} AUTHORIZATION {user}",
    ),
    "postgres.right.create": ("make the schema {schema}", "创建 schema {schema}"),
    "postgres.right.write": ("write the tables of the schema {schema}", "写入 schema {schema} 中的表"),
    "postgres.doctor.fsync": (
        "PostgreSQL {place}: fsync is off; a power cut can lose what the gateway took for stored",
        "PostgreSQL {place}：fsync 已关闭；断电可能丢失网关认为已保存的数据",
    ),
    "postgres.doctor.fsync.do": ("set fsync = on in postgresql.conf", "请在 postgresql.conf 中设置 fsync = on"),
    "postgres.doctor.compress": (
        "PostgreSQL {place}: compress_after is set, but TimescaleDB is not installed in this database",
        "PostgreSQL {place}：设置了 compress_after，但该数据库未安装 TimescaleDB",
    ),
    "postgres.doctor.compress.do": (
        "CREATE EXTENSION timescaledb before the first start, or leave compress_after out",
        "请在首次启动前执行 CREATE EXTENSION timescaledb，或去掉 compress_after",
    ),
}

"""Texts of the SQL query source: mistakes in its part of the configuration, its health, its lines of the doctor."""

TEXTS: dict[str, tuple[str, str]] = {
    "sql.url": (
        "this is no database URL; write postgresql+psycopg://USER@HOST:5432/DATABASE, mysql+pymysql://USER@HOST/DATABASE or sqlite:////full/path.db",
        "这不是数据库地址；请写 postgresql+psycopg://USER@HOST:5432/DATABASE、mysql+pymysql://USER@HOST/DATABASE 或 sqlite:////PATH.db",
    ),
    "sql.password_in_url": (
        "the URL holds a password, and URLs are printed; write it as password: ${{NAME}} or password_file",
        "地址中含有密码，而地址会被输出；请写成 password: ${{NAME}} 或 password_file",
    ),
    "sql.password_once": ("write password or password_file, not both", "password 与 password_file 只能写一个"),
    "sql.sqlite_url": (
        "{got!r} names no SQLite file by its full path; write sqlite:////full/path.db, without options",
        "{got!r} 没有用完整路径给出 SQLite 文件；请写 sqlite:////完整路径.db，不带选项",
    ),
    "sql.at": ("{got!r} is not a time of the day; write \"06:00\"", "{got!r} 不是一天中的时刻；请写成 \"06:00\""),
    "sql.every_or_at": ("write every or at, not both", "every 与 at 只能写一个"),
    "sql.overlap": (
        "{got!r} is not an overlap; write a duration (10m) for a cursor of moments, or a whole number for one of numbers",
        "{got!r} 不是有效的 overlap；游标为时间时请写时长（10m），为数字时请写整数",
    ),
    "sql.overlap_alone": ("overlap needs a cursor", "写了 overlap 就必须写 cursor"),
    "sql.payload": (
        "route {route} has payload {got}; a row is a JSON object of its columns: leave payload out",
        "第 {route} 条路由的 payload 是 {got}；每行数据是由各列组成的 JSON 对象：请删去 payload",
    ),
    "sql.time": (
        "route {route} takes no time from the row; a row may be read twice after a crash, and only readings with a time of their own are the same then: write time, with absent: reject, or leave the cursor out",
        "第 {route} 条路由没有从行中取时间；程序崩溃后同一行可能被重读，只有自带时间的读数才会与之前相同：请写 time 并使用 absent: reject，或不写 cursor",
    ),
    "sql.one_statement": (
        "the query has more than one statement; write one SELECT",
        "query 含有多条语句；请只写一条 SELECT",
    ),
    "sql.no_select": (
        "the query begins with {got!r}; only SELECT, or WITH … SELECT, is run",
        "query 以 {got!r} 开头；只会执行 SELECT 或 WITH … SELECT",
    ),
    "sql.writes": (
        "the query contains {got}; nothing is ever written to this database. A column of that name: put it in quotation marks",
        "query 含有 {got}；本程序绝不写入该数据库。如果这是列名，请加引号",
    ),
    "sql.comment": (
        "the query has a comment /*! … */, which MySQL carries out; leave it out",
        "query 含有会被 MySQL 执行的注释 /*! … */；请删去",
    ),
    "sql.open_quote": ("a quotation mark or a comment of the query never ends", "query 中有引号或注释没有结束"),
    "sql.parentheses": ("the parentheses of the query do not match", "query 中的括号不配对"),
    "sql.driver": (
        "the driver {driver} is not installed; run: pip install '{package}'",
        "未安装数据库驱动 {driver}；请运行：pip install '{package}'",
    ),
    "sql.no_dialect": (
        "there is no database driver {got}; write postgresql+psycopg, mysql+pymysql, oracle+oracledb, mssql+pyodbc or sqlite",
        "没有名为 {got} 的数据库驱动；请写 postgresql+psycopg、mysql+pymysql、oracle+oracledb、mssql+pyodbc 或 sqlite",
    ),
    "sql.warn.writes": (
        "{got} has no transactions that only read; let the query run as a user who may do nothing but SELECT",
        "{got} 没有只读事务；请使用只有 SELECT 权限的数据库用户",
    ),
    "sql.warn.plain": (
        "the certificate of {host} is not verified: password and rows can be read on the way; add ?sslmode=verify-full to the URL",
        "未校验 {host} 的证书：密码和数据可能在途中被看到；请在地址末尾写上 sslmode=verify-full（问号之后）",
    ),
    "sql.away": (
        "no connection to the database; the log has the reason",
        "无法连接数据库；原因见日志",
    ),
    "sql.refused": (
        "the database did not carry out the query; the log has the reason",
        "数据库未能执行查询；原因见日志",
    ),
    "sql.slow": (
        "the query had no result within {seconds} s; is there an index on the cursor column?",
        "查询在 {seconds} 秒内没有结果；游标列上是否有索引？",
    ),
    "sql.not_saved": (
        "how far the query was read cannot be saved: {error}; after a start its last rows are read again",
        "无法保存查询的读取进度：{error}；重启后会重读最后的若干行",
    ),
    "sql.columns_twice": (
        "the query gives several columns called {got}; give each its own name by AS",
        "查询结果中有多个名为 {got} 的列；请用 AS 分别命名",
    ),
    "sql.no_cursor": (
        "the query gives no column {got}, which is the cursor; its columns are {found}",
        "查询结果中没有游标列 {got}；现有的列为 {found}",
    ),
    "sql.cursor_type": (
        "the cursor column holds a value ({got}) that cannot order rows; use a column of moments or numbers",
        "游标列中有无法用于排序的值（{got}）；请使用时间列或数字列",
    ),
    "sql.cursor_mixed": (
        "the values of the cursor column are of different kinds and cannot be compared",
        "游标列的值类型不一，无法比较",
    ),
    "sql.overlap_kind": (
        "overlap does not fit a cursor column of {got}; write a duration for moments, a whole number for numbers",
        "overlap 与类型为 {got} 的游标列不符；时间列请写时长，数字列请写整数",
    ),
    "sql.ties": (
        "more than {most} rows have the same cursor value; use a column that rises more often",
        "有超过 {most} 行的游标值相同；请使用变化更频繁的列",
    ),
    "doctor.sql": ("{source}: the query works; its columns are {columns}", "{source}：查询正常；各列为 {columns}"),
    "doctor.sql_away": ("{source}: no connection to {url}: {why}", "{source}：无法连接 {url}：{why}"),
    "doctor.sql_away.do": (
        "look at host, port, user and password, and at the firewall between",
        "请检查主机、端口、用户、密码，以及中间的防火墙",
    ),
    "doctor.sql_refused": ("{source}: the query is not carried out: {why}", "{source}：查询未能执行：{why}"),
    "doctor.sql_refused.do": (
        "try the query with a client of the database, as this user",
        "请用数据库客户端以该用户执行此查询",
    ),
    "doctor.sql_slow": ("{source}: no result within {seconds} s", "{source}：{seconds} 秒内没有结果"),
    "doctor.sql_slow.do": (
        "make an index on the cursor column, or raise timeout",
        "请为游标列建立索引，或调大 timeout",
    ),
}

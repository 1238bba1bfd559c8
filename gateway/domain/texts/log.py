"""Log lines as sentences. The key of a line is `log.` and its event, lower case, words joined by `_`."""

TEXTS: dict[str, tuple[str, str]] = {
    # ---- the process
    "log.gateway_live": (
        "{name} is live at {api}: {devices} devices, {rules} rules, started in {ms} ms",
        "{name} 已就绪，地址 {api}：{devices} 台设备，{rules} 条规则，启动用时 {ms} 毫秒",
    ),
    "log.stopping": ("stopping: API and sources first, then work under way", "正在停止：先关闭入口，再处理完手头的工作"),
    "log.stopped": ("stopped; everything acknowledged is on disk", "已停止；确认过的数据均已落盘"),
    "log.stopping_this_error_cannot_be_undone": (
        "stopping: {task} failed with an error that cannot be undone: {error}",
        "正在停止：{task} 遇到无法恢复的错误：{error}",
    ),
    "log.the_disk_is_slow_the_next_start_goes_on_from_the_journal": (
        "the disk did not take everything within {seconds} s; the next start continues from the journal",
        "磁盘未能在 {seconds} 秒内写完；下次启动会从日志库继续",
    ),
    "log.not_everything_was_written_up_the_next_start_goes_on_from_the_journal": (
        "not everything was saved ({error}); the next start continues from the journal",
        "未能全部写完（{error}）；下次启动会从日志库继续",
    ),
    "log.the_service_manager_cannot_be_told": (
        "the service manager cannot be notified of {state}: {error}",
        "无法向服务管理器报告 {state}：{error}",
    ),
    "log.task_down": ("{task} failed: {error}; it is restarted", "{task} 出错：{error}；将自动重启"),
    "log.task_up_again": ("{task} works again after {restarts} restart(s)", "{task} 已恢复，共重启 {restarts} 次"),
    "log.engine_restored": (
        "the engine continues from snapshot {snapshot}; {behind} records to judge",
        "规则引擎从快照 {snapshot} 继续，还有 {behind} 条记录待判断",
    ),
    "log.engine_made_from_facts": (
        "there is no snapshot: the engine starts from {facts} facts of the journal; {behind} records to judge",
        "没有可用快照：规则引擎由日志库中的 {facts} 条事实重建，还有 {behind} 条记录待判断",
    ),
    "log.data_dir_was_open_to_other_users_it_is_not_any_more": (
        "the data folder {path} was open to other users (mode {mode}); it is private now",
        "数据目录 {path} 曾对其他用户开放（权限 {mode}），现已收紧",
    ),
    "log.database_migrated": (
        "the database was migrated to this release ({revisions}); the copy made before is {copy}",
        "数据库已升级到本版本（{revisions}）；升级前的副本为 {copy}",
    ),
    "log.database_its_log_is_not_folded_into_it": (
        "the write-ahead log of the database could not be merged into it: {error}; nothing is lost",
        "数据库的预写日志未能合并：{error}；没有数据丢失",
    ),
    "log.an_import_has_the_data_and_is_asked_to_give_way": (
        "an import (process {process}) has the data folder and is requested to release it",
        "导入进程 {process} 正在使用数据，已请它让出",
    ),
    # ---- sources
    "log.source_up": ("source {source} is connected to {url}", "数据源 {source} 已连接 {url}"),
    "log.file_read": (
        "source {source}: {file} is in the journal and lies in done/ ({rows} rows)",
        "数据源 {source}：{file} 已写入日志库并移至 done/（{rows} 行）",
    ),
    "log.file_failed": (
        "source {source}: {file} cannot be read and lies in failed/: {error}",
        "数据源 {source}：{file} 无法读取，已移至 failed/：{error}",
    ),
    "log.request_refused": (
        "source {source}: a request was refused ({reason}); more of them are only counted",
        "数据源 {source}：拒绝了一个请求（{reason}）；之后同类请求只计数",
    ),
    "log.query_works": ("source {source}: the query works", "数据源 {source}：查询正常"),
    "log.query_failed": (
        "source {source}: the query failed: {error}; it is tried again",
        "数据源 {source}：查询失败：{error}；将重试",
    ),
    "log.file_not_taken": (
        "source {source}: {file} cannot be read or moved: {error}; it is tried again",
        "数据源 {source}：{file} 无法读取或移动：{error}；将重试",
    ),
    "log.tls_files_changed": (
        "source {source}: other TLS files lie there, it connects anew with them",
        "数据源 {source}：TLS 文件已更换，将用新文件重新连接",
    ),
    "log.tls_files_cannot_be_used": (
        "source {source}: the TLS files changed and cannot be used, the connection stays as it is: {error}",
        "数据源 {source}：TLS 文件已更改但无法使用，连接保持不变：{error}",
    ),
    "log.rebirth_requested": (
        "source {source}: node {group}/{node} is asked for its births ({why})",
        "数据源 {source}：已请求节点 {group}/{node} 重新上线声明（{why}）",
    ),
    "log.nodes_of_the_last_run_not_known": (
        "the Sparkplug nodes of the last run cannot be read from {file}: {error}",
        "无法从 {file} 读取上次运行时的 Sparkplug 节点：{error}",
    ),
    "log.nodes_not_remembered": (
        "the Sparkplug nodes cannot be written to {file}: {error}",
        "无法将 Sparkplug 节点写入 {file}：{error}",
    ),
    "log.message_not_published": (
        "source {source}: {topic} could not be published: {error}",
        "数据源 {source}：无法发布 {topic}：{error}",
    ),
    "log.presence_not_understood": (
        "source {source}: {topic} is a presence topic, but {device} is no device with a presence, or the message has neither word",
        "数据源 {source}：{topic} 是在线状态主题，但 {device} 不是带在线状态的设备，或消息中没有约定的词",
    ),
    "log.a_store_refuses_nearly_everything": (
        "a store of readings refuses nearly every line: {detail}",
        "读数库几乎拒绝所有写入：{detail}",
    ),
    "log.presence_not_remembered": (
        "which devices are present cannot be written to {file}: {error}",
        "无法将设备在线状态写入 {file}：{error}",
    ),
    "log.presence_of_the_last_run_not_known": (
        "which devices were present at the last stop cannot be read from {file}: {error}",
        "无法从 {file} 读取上次停止时的设备在线状态：{error}",
    ),
    "log.presence_not_journaled_yet": (
        "source {source}: changes of presence could not be journaled yet: {error}",
        "数据源 {source}：在线状态变化暂时无法写入日志库：{error}",
    ),
    "log.mqtt_version_changes": (
        "source {source}: the broker does not take MQTT {before}; the next connection speaks MQTT {version}",
        "数据源 {source}：MQTT 服务器不接受 MQTT {before}；下次连接改用 MQTT {version}",
    ),
    "log.source_down": ("source {source} has no connection to {url}: {error}", "数据源 {source} 连接不上 {url}：{error}"),
    "log.client_id_is_used_twice": (
        "source {source}: {error}; attempts continue once a minute and are not logged until this is over",
        "数据源 {source}：{error}；之后每隔一分钟左右重试，恢复之前不再重复提示",
    ),
    "log.client_id_is_ours_again": (
        "source {source}: no other client uses its client_id any more", "数据源 {source} 的 client_id 已不再冲突"),
    "log.granted_qos_0_only_these_messages_can_be_lost": (
        "source {source}: the broker grants QoS 0 only for {filters}; these messages can be lost",
        "数据源 {source}：MQTT 服务器对 {filters} 只给 QoS 0，这些消息可能丢失",
    ),
    "log.route_does_not_fit": ("source {source}: a route does not fit: {problem}", "数据源 {source}：路由不匹配：{problem}"),
    "log.part_of_a_message_is_not_used": (
        "source {source}, routes[{route}]: {place} of messages on {topic} is not used: {why}. More are counted, see /v1/unused",
        "数据源 {source}，routes[{route}]：主题 {topic} 的消息中 {place} 未被使用：{why}。后续只计数，详见 /v1/unused",
    ),
    "log.dead_letter_of_a_new_kind": (
        "source {source}: a message could not become readings: {why} ({detail}), from {address}; {count} so far. See /v1/dead-letters",
        "数据源 {source}：有消息无法变成读数：{why}（{detail}），来自 {address}；累计 {count} 条。详见 /v1/dead-letters",
    ),
    "log.subscriptions_of_the_last_start_not_known": (
        "what was subscribed at the last start cannot be read from {file}: {error}",
        "无法从 {file} 读取上次启动时的订阅：{error}",
    ),
    "log.subscriptions_not_remembered": (
        "what is subscribed cannot be written to {file}: {error}",
        "无法将当前订阅写入 {file}：{error}",
    ),
    "log.link_up": ("source {source}: link {link} is connected", "数据源 {source}：链路 {link} 已连接"),
    "log.link_down": ("source {source}: link {link} has no connection: {reason}", "数据源 {source}：链路 {link} 连接不上：{reason}"),
    "log.unit_up": ("{device} (unit {unit}) answers", "{device}（从站 {unit}）有应答"),
    "log.unit_down": ("{device} (unit {unit}) does not answer: {reason}", "{device}（从站 {unit}）无应答：{reason}"),
    "log.device_command_requested": (
        "device command {id}: {name} for {device} requested by {actor}",
        "设备指令 {id}：{actor} 请求对 {device} 执行 {name}",
    ),
    "log.device_command_decided": ("device command {id} is {state} ({actor})", "设备指令 {id}：{state}（{actor}）"),
    "log.device_command": ("device command {id}: {name} by source {source}", "设备指令 {id}：{name}，经数据源 {source}"),
    "log.device_commands_wait_for_the_store": ("device commands wait for the database: {error}", "设备指令正在等待数据库：{error}"),
    "log.a_device_command_waits_for_the_store": (
        "device command {id} waits for the database: {error}",
        "设备指令 {id} 正在等待数据库：{error}",
    ),
    "log.the_answer_to_a_device_command_waits_for_the_store": (
        "the answer to device command {id} waits for the database: {error}",
        "设备指令 {id} 的应答正在等待数据库：{error}",
    ),
    "log.the_value_before_a_device_command_is_not_known": (
        "the value before device command {id} cannot be read: {error}",
        "无法读取设备指令 {id} 之前的值：{error}",
    ),
    "log.device_is_not_polled": ("source {source}: {device} is not polled: {reason}", "数据源 {source}：{device} 未被轮询：{reason}"),
    "log.device_differs_from_its_profile": (
        "{device} differs from its profile: {lesson}",
        "{device} 与型号不符：{lesson}",
    ),
    "log.server_up": (
        "source {source}: connected to {server}, {nodes} nodes are watched",
        "数据源 {source}：已连接 {server}，订阅 {nodes} 个节点",
    ),
    "log.server_away": ("source {source}: no connection to {server}: {reason}", "数据源 {source}：无法连接 {server}：{reason}"),
    "log.gap_marked": (
        "source {source}: a gap since {since}, {nodes} points have no value",
        "数据源 {source}：自 {since} 起数据中断，{nodes} 个测点没有值",
    ),
    "log.not_watched": ("source {source}: {what} is not watched: {reason}", "数据源 {source}：{what} 未订阅：{reason}"),
    "log.readings_wait_for_the_store": (
        "source {source}: readings wait for the journal: {reason}",
        "数据源 {source}：读数正在等待日志库：{reason}",
    ),
    "log.the_store_takes_readings_again": (
        "source {source}: the journal takes readings again, at attempt {attempts}",
        "数据源 {source}：第 {attempts} 次尝试后，日志库恢复接收读数",
    ),
    # ---- alarms and orders
    "log.first_alarm_of_a_rule": (
        "alarm: {rule} on {thing} ({severity}); more of this rule are counted in the summary",
        "告警：{thing} 触发规则 {rule}（{severity}）；该规则的后续告警计入汇总",
    ),
    "log.order_made": ("work order {no} ({severity}): {title}, {where}", "工单 {no}（{severity}）：{title}，{where}"),
    "log.more_orders_made": ("{count} more work orders within a minute", "一分钟内另有 {count} 张工单"),
    "log.order_reported": ("{actor} reported a fault: work order {no}", "{actor} 报修：工单 {no}"),
    "log.history_judged": (
        "stored history was judged for a rule: {readings} readings",
        "已为规则补判历史数据：{readings} 条读数",
    ),
    "log.history_could_not_be_judged": (
        "stored history could not be judged for a rule: {reason}",
        "未能为规则补判历史数据：{reason}",
    ),
    "log.too_much_history_for_a_second_look": (
        "too much stored history to judge the past again; earlier decisions stay",
        "历史数据过多，无法重新判断过去，保持原样",
    ),
    # ---- deliveries
    "log.first_delivery": ("endpoint {endpoint}: {type} was delivered; more are counted in the summary", "端点 {endpoint}：已送达 {type}；后续送达计入汇总"),
    "log.delivery_failed": (
        "endpoint {endpoint}: {type} of {subject} was not delivered: {reason}; it is tried again",
        "端点 {endpoint}：{subject} 的 {type} 未送达：{reason}；将会重试",
    ),
    "log.dead_letter": (
        "endpoint {endpoint}: {type} of {subject} is given up after attempt {attempt}: {reason}. Send it again: POST /v1/deliveries/{delivery}/redeliver",
        "端点 {endpoint}：{subject} 的 {type} 在第 {attempt} 次尝试后放弃：{reason}。重新投递：POST /v1/deliveries/{delivery}/redeliver",
    ),
    "log.endpoint_disabled": (
        "endpoint {endpoint} answered that it is gone: {reason}; nothing is sent until somebody enables it",
        "端点 {endpoint} 表示已不存在：{reason}；在有人启用之前不再发送",
    ),
    "log.endpoint_paused": (
        "endpoint {endpoint} does not work: {reason}; one attempt at a time until it does, nothing is lost",
        "端点 {endpoint} 不可用：{reason}；恢复之前逐次试探，不会丢失",
    ),
    "log.endpoint_works_again": ("endpoint {endpoint} works again", "端点 {endpoint} 已恢复"),
    "log.endpoint_enabled": ("{actor} enabled endpoint {endpoint}", "{actor} 启用了端点 {endpoint}"),
    "log.redelivery": ("{actor} requested delivery {delivery} again", "{actor} 要求重新投递 {delivery}"),
    "log.sink_failed": (
        "endpoint {endpoint}: sending {delivery} failed with an internal error: {kind} at {place}",
        "端点 {endpoint}：发送 {delivery} 时程序出错：{kind}，位置 {place}",
    ),
    "log.delivery_queue_available_again": (
        "deliveries continue; the database failed {failures} time(s)",
        "投递恢复；数据库失败过 {failures} 次",
    ),
    "log.delivery_queue_unavailable": ("deliveries wait for the database: {error}", "投递正在等待数据库：{error}"),
    "log.attempt_not_recorded": (
        "endpoint {endpoint}: the result of {delivery} could not be recorded: {error}; it is sent again with the same id",
        "端点 {endpoint}：未能记录 {delivery} 的结果：{error}；将以相同的 id 重发",
    ),
    "log.deliveries_left_to_their_leases": (
        "{count} deliveries could not be recorded; they are sent again when their lease ends",
        "{count} 条投递未能记录结果；租约到期后会重发",
    ),
    "log.deliveries_that_were_under_way_at_the_last_stop_are_tried_again": (
        "{count} deliveries were under way at the last stop; they are sent again",
        "上次停止时有 {count} 条投递尚未完成，现在重发",
    ),
    # ---- callbacks, keys, the API
    "log.callbacks_resumed": ("{count} callbacks from before the start are carried out", "已补处理 {count} 条此前收到的回调"),
    "log.callback_waits_for_the_desk": ("a callback waits for the database: {error}", "有回调正在等待数据库：{error}"),
    "log.callback_failed": ("a callback could not be carried out: {error}", "回调处理失败：{error}"),
    "log.callback_about_an_unknown_order_is_parked": (
        "endpoint {endpoint}: a callback names an order that does not exist; it is kept as {inbox}",
        "端点 {endpoint}：回调提到的工单不存在，已暂存为 {inbox}",
    ),
    "log.secret_cannot_be_read": ("endpoint {endpoint}: its secret cannot be read: {error}", "端点 {endpoint}：无法读取其密钥：{error}"),
    "log.plausibility_not_saved": (
        "what the next readings are compared with was not saved in {path}: {error}", "读数比对状态未能写入 {path}：{error}",
    ),
    "log.plausibility_not_restored": (
        "what readings are compared with could not be read from {path} and is made from the journal: {error}",
        "无法从 {path} 读取读数比对状态，改由日志库重建：{error}",
    ),
    "log.readings_corrected": (
        "{actor} corrected readings of {point} of {device}: {readings}", "{actor} 更正了 {device} 的 {point} 读数：{readings} 条",
    ),
    "log.meter_exchanged": ("{actor} recorded a new meter at {point} of {device}", "{actor} 登记了 {device} 的 {point} 换表"),
    "log.key_created": ("{actor} made the API key {name} ({role})", "{actor} 创建了 API 密钥 {name}（{role}）"),
    "log.key_revoked": ("{actor} revoked the API key {name}", "{actor} 吊销了 API 密钥 {name}"),
    "log.admin_key_written": ("the key of the admin is in {path}, for this user alone", "管理员密钥已写入 {path}，仅当前用户可读"),
    "log.api_access_refused": (
        "API access refused for {address}: {reason}; {so_far} so far",
        "拒绝了 {address} 的 API 访问：{reason}；累计 {so_far} 次",
    ),
    "log.store_failed_in_a_request": ("a store failed during a request: {error}", "处理请求时存储出错：{error}"),
    "log.fact_waits_for_the_journal": ("a change waits for the journal: {error}", "有变更正在等待日志库：{error}"),
    "log.the_api_has_a_renewed_certificate": ("the API uses the renewed certificate {cert}", "API 已换用新证书 {cert}"),
    "log.the_renewed_certificate_of_the_api_cannot_be_used_the_one_before_is": (
        "the renewed certificate of the API cannot be used ({error}); the previous one stays in use",
        "API 的新证书无法使用（{error}），继续使用原证书",
    ),
    "log.the_api_cannot_accept_a_connection": ("the API cannot accept a connection: {error}", "API 无法接受连接：{error}"),
    "log.the_api_looks_after_its_connections_no_longer": (
        "the API no longer checks its connections: {error}",
        "API 不再管理其连接：{error}",
    ),
    # ---- time, disk, files
    "log.the_clock_was_set": (
        "the clock of this machine was set from {before} to {now}",
        "本机时钟由 {before} 改为 {now}",
    ),
    "log.ticks_go_on": ("timers continue; {missed} ticks were missed", "计时恢复；共缺 {missed} 个节拍"),
    "log.the_journal_takes_no_tick_timers_stand_still": (
        "the journal takes no tick, timers stand still: {error}",
        "日志库不接收节拍，计时停止：{error}",
    ),
    "log.a_store_misses_records_that_the_journal_has_given_up": (
        "{store} misses {count} records: the journal gave them up while it was away; the other stores have them",
        "{store} 缺少 {count} 条记录：停用期间日志库已将其删除；其他读数库中有这些记录",
    ),
    "log.a_store_refused_readings_they_are_dead_letters": (
        "{store} refused {count} reading(s): they are dead letters; the first: {detail}",
        "{store} 拒绝了 {count} 条读数，已转为死信；首条：{detail}",
    ),
    "log.a_store_did_not_take_an_order_to_delete_the_next_one_will": (
        "{store} could not delete what is too old, the next turn will: {error}",
        "{store} 暂时无法删除过期数据，下次会重试：{error}",
    ),
    "log.trouble": ("{part}: {what}", "{part}：{what}"),
    "log.trouble_over": ("{part}: in order again", "{part}：已恢复正常"),
    "log.configuration_reloaded": (
        "the configuration was read again: {count} change(s): {changed}",
        "配置已重新加载：{count} 处变更：{changed}",
    ),
    "log.configuration_read_again_nothing_differs": (
        "the configuration was read again: nothing differs",
        "配置已重新读取：没有变化",
    ),
    "log.configuration_in_order_again": (
        "the configuration is in order again; changes: {count} {changed}",
        "配置已恢复正常；变更 {count} 处 {changed}",
    ),
    "log.configuration_not_reloaded_everything_stays_as_it_was": (
        "the files have {count} problem(s), nothing is changed: {problems}",
        "配置文件有 {count} 处问题，继续沿用原配置：{problems}",
    ),
    "log.configuration_not_reloaded_the_disk_cannot_take_it_now": (
        "the disk cannot take the changed configuration now, it is tried again: {error}",
        "磁盘暂时无法写入配置变更，稍后重试：{error}",
    ),
    "log.settings_that_take_effect_at_the_next_start": (
        "changed, effective at the next start: {keys}",
        "已修改，下次启动时生效：{keys}",
    ),
    "log.source_stopped_a_broker_keeps_its_session_until_it_expires": (
        "{source} is not configured any more and was stopped; a broker keeps its session until it expires",
        "数据源 {source} 已从配置中移除并停止；MQTT 服务器会保留其会话直到过期",
    ),
    "log.deliveries_wait_for_an_endpoint_that_is_not_configured": (
        "{count} deliveries wait for {endpoint}, which is not configured; they are kept until it is again",
        "有 {count} 条消息在等待未配置的 {endpoint}；会一直保留，直到重新配置该端点",
    ),
    "log.calendar_incomplete": (
        "calendar {calendar} does not know {year} yet: {known}",
        "日历 {calendar} 尚无 {year} 年的安排：{known}",
    ),
    "log.series_store_open_again": ("the series store is open again", "读数库已重新打开"),
    "log.series_store_opened_anew_before_it_is_used_again": (
        "the series store is opened anew after an error: {error}",
        "读数库出错，将重新打开：{error}",
    ),
    "log.series_store_connected_anew_before_it_is_used_again": (
        "the connection to the series store is made anew after an error: {error}",
        "读数库连接出错，将重新连接：{error}",
    ),
    "log.series_store_closed_with_its_log_unfolded": (
        "the series store was closed without merging its write-ahead log: {error}; nothing is lost",
        "读数库关闭时未合并日志：{error}；没有数据丢失",
    ),
    "log.state_text_refused": (
        "{device} sent {text!r} for {point}, which is refused: {why}",
        "{device} 为 {point} 发来 {text!r}，已拒绝：{why}",
    ),
    "log.state_texts_cleared": (
        "{actor} made room for new texts of {point} ({count})",
        "{actor} 已为 {point} 的状态文本重新腾出空间（{count} 个）",
    ),
    # ---- history from files
    "log.import_begins": ("{actor} imports {file}", "{actor} 开始导入 {file}"),
    "log.import_ends": ("{file} is imported: {imported} readings", "{file} 导入完成：{imported} 条读数"),
    "log.import_abandoned_ended": ("the import of {file} was abandoned and has been ended", "{file} 的导入已中断，现予结束"),
    # ---- the summary
    "log.summary": (
        "in {since}: {messages} messages, {readings} readings, {dead} dead letters, {alarms} alarms, {orders} work orders, {sent} deliveries{silent}",
        "{since}内：消息 {messages} 条，读数 {readings} 条，死信 {dead} 条，告警 {alarms} 条，工单 {orders} 张，投递 {sent} 条{silent}",
    ),
    "log.summary_silent": ("; no data from: {sources}", "；无数据的数据源：{sources}"),
    "log.summary_none": ("; no source is configured", "；未配置数据源"),
}  # fmt: skip

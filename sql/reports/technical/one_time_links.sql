-- Do machines open the links that confirm or cancel an appointment?
SELECT
    $person,
    page,
    toString(page_role) AS role,
    1 AS opens,
    is_machine AS machines
FROM
(
    -- A machine: a client that sends no cookie back, comes without referrer, opens nothing but such links on that day, and
    -- is in the network of a hosting company or opens {opens} of them within {seconds} seconds. Two are no sign: people click twice.
    -- Without a visitor (no consent, a privacy signal) nothing is known of a client, which then counts as a person.
    SELECT
        *,
        visitor_kind != 'none'
            AND person_day != toDate(0)
            AND max(referrer_kind != 'none' OR page_role NOT IN ('confirm', 'cancel')) OVER of_client = 0
            AND (max(net_class = 'datacenter') OVER of_client OR max(is_burst) OVER of_client) AS is_machine
    FROM
    (
        SELECT
            *,
            received_at <= lagInFrame(received_at, toUInt64({opens:UInt8} - 1)) OVER (
                PARTITION BY who, person, person_day ORDER BY received_at, page ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) + toIntervalSecond({seconds:UInt16}) AS is_burst
        FROM events
        WHERE kind = 'pageview'
    )
    WINDOW of_client AS (PARTITION BY who, person, person_day)
)
WHERE page_role IN ('confirm', 'cancel')

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "machines"
-- tells_from = 1
-- shape = "sparse"
-- order = "machines DESC, opens DESC, page, role"
-- any_role = ["confirm", "cancel"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [thresholds]
-- opens = { default = 3, meaning = "a client that opens so many such links within `seconds` is a machine, also at home" }
-- seconds = { default = 10, meaning = "the time for `opens`" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "address of the link, scrubbed: `*` stands for the part that differs" }
-- role = { kind = "key", unit = "role of the page", meaning = "confirm or cancel" }
-- visitors = { kind = "visitors", unit = "clients", meaning = "clients that opened such a link, the machines of `machines` among them; of several days: clients of each day, added" }
-- opens = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "times that they opened it; of one client at most 4 count" }
-- machines = { kind = "measure", part_of = "opens", unit = "page views", meaning = "of these, opened by clients that are no people; empty below 5" }
-- share = { kind = "derived", unit = "percent", meaning = "machines among opens", expression = "accurateCastOrNull(round(100 * machines / nullIf(opens, 0)), 'Int64')" }
-- robots = { kind = "robots", unit = "page views", meaning = "opened by declared robots; not in the other numbers" }
--
-- [en]
-- title = "Machines open one-time links"
-- answer = """\
-- {machines} of {opens} opens of {page} are not people. Mail scanners open links: let the page ask, and {role} with a button that sends a POST."""
-- nothing = "Of each such link, fewer than 5 opens look like those of machines."
-- limits = """\
-- A machine sends no cookie back, has no referrer, opens only such links on its day, and is in a hosting network or opens {opens} within {seconds} \
-- seconds. A person whose employer's network is a hosting company may look the same. Scanners that load no images are not seen; clients without a \
-- visitor (no consent, a privacy signal) count as people; previews in messengers count nowhere."""
--
-- [ru]
-- title = "Программы открывают одноразовые ссылки"
-- question = "Открывают ли программы ссылки, которые подтверждают или отменяют запись?"
-- answer = """\
-- Не люди открыли {page} {machines} из {opens} раз. Почтовые сканеры открывают ссылки: пусть страница спросит, а действие \
-- ({role}) выполнит кнопка с запросом POST."""
-- nothing = "По каждой такой ссылке меньше 5 открытий похожи на открытия программами."
-- limits = """\
-- Программа не возвращает cookie, приходит без источника, за день открывает только такие ссылки и находится в сети хостинга или открывает \
-- {opens} за {seconds} секунд. Человек, работающий через сеть хостинга, может выглядеть так же. Сканеры без загрузки картинок не видны; клиенты без \
-- посетителя (нет согласия, сигнал приватности) считаются людьми; предпросмотр ссылок в мессенджерах не учтён."""

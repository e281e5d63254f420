-- What is broken, since when, for whom, and how many visitors did it cost?
WITH
    -- Exact numbers of people are not published: steps of 5 below 100, else two digits, as in the sentences.
    number -> if(number < 100, 5., pow(10, floor(log10(number)) - 1)) AS step,
    -- Each stored change is read once. `life` are the changes of more than the estimated loss: what became of the problem.
    newest AS (
        SELECT *, groupArrayIf(change, place = 1 OR told != told_before) OVER (PARTITION BY site, problem) AS life
        FROM
        (
            SELECT
                *,
                JSONExtractString(facts, 'verdict') AS verdict,
                (toString(state), muted_until, fixed_by, verdict) AS told,
                lagInFrame(told) OVER changes AS told_before,
                row_number() OVER changes AS place,
                (
                    changed_at, toString(state), muted_until, fixed_by, verdict,
                    JSONExtractString(facts, 'mute_reason'), JSONExtractString(facts, 'by')
                )::Tuple(
                    at DateTime64(3, 'UTC'), state String, muted_until DateTime('UTC'), fixed_by String, verdict String, reason String, by String
                ) AS change
            FROM pixel.problems
            WHERE changed_at < {until:DateTime64(3, 'UTC')}
            WINDOW changes AS (PARTITION BY site, problem ORDER BY changed_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
        )
        ORDER BY site, problem, changed_at DESC
        LIMIT 1 BY site, problem
    )
SELECT
    newest.problem AS problem,
    newest.site AS site,
    newest.watch AS kind,
    if(newest.muted_until > {until:DateTime64(3, 'UTC')}, 'muted', toString(newest.state)) AS state,
    newest.sentence AS sentence,
    newest.since AS since,
    nullIf(newest.until, toDateTime(0, 'UTC')) AS until,
    if(newest.dimension IN ('page', 'section', 'source', 'role'), newest.name, '') AS page,
    if(newest.dimension IN ('browser', 'version', 'engine', 'os', 'device'), newest.name, '') AS browser,
    if(newest.dimension = 'network', newest.name, '') AS network,
    if(newest.dimension = 'country', newest.name, '') AS country,
    arrayStringConcat(arrayMap(place -> JSONExtractString(place, 'name'), JSONExtractArrayRaw(newest.facts, 'works_for')), ', ') AS works_for,
    toUInt64(step(newest.lost_low) * floor(greatest(newest.lost_low, 0) / step(newest.lost_low))) AS lost_low,
    toUInt64(step(newest.lost) * round(greatest(newest.lost, 0) / step(newest.lost))) AS lost,
    toUInt64(step(newest.lost_high) * ceil(greatest(newest.lost_high, 0) / step(newest.lost_high))) AS lost_high,
    arrayStringConcat(JSONExtract(newest.facts, 'changed', 'Array(String)'), ', ') AS changed,
    round(newest.confidence, 1) AS confidence,
    JSONExtractString(newest.facts, 'cause') AS evidence,
    if(state IN ('open', 'ongoing'), 1 + lost, 0) AS urgency,
    newest.sentence_ru AS sentence_ru,
    newest.answers AS answers,
    newest.answers_ru AS answers_ru,
    newest.dimension AS dimension,
    newest.name AS name,
    newest.quiet_until AS quiet_until,
    if(newest.muted_until > {until:DateTime64(3, 'UTC')}, nullIf(newest.muted_until, toDateTime(0, 'UTC')), NULL) AS muted_until,
    toJSONString(JSONExtract(newest.facts, 'also', 'Array(Tuple(dimension String, name String))')) AS also_for,
    toJSONString(arraySort(newest.life)) AS history
FROM newest
WHERE newest.state != 'resolved' OR newest.until >= {since:DateTime64(3, 'UTC')}
ORDER BY urgency DESC, newest.lost DESC, problem

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "urgency"
-- tells_from = 1
-- screen = ["problem", "site", "kind", "state", "since", "lost"]
-- plain = { 7d = 168, 28d = 672 }
--
-- [parameters]
-- since = { type = "DateTime64(3, 'UTC')", default = "7d" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- problem = { kind = "value", type = "String", unit = "id", meaning = "the same for the same fault; `clinic-pixel problems show` explains it" }
-- site = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "site of the settings" }
-- kind = { kind = "value", type = "LowCardinality(String)", unit = "word", meaning = "watch that found it (sql/problems/watches.toml)" }
-- state = { kind = "value", type = "String", unit = "word", meaning = "open (new), ongoing, resolved, closed (a person fixed it) or muted" }
-- sentence = { kind = "value", type = "String", unit = "text", meaning = "the problem in a sentence, in the time of the site" }
-- since = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "first hour with the fault" }
-- until = { kind = "value", type = "Nullable(DateTime('UTC'))", unit = "UTC", meaning = "first good hour of a resolved problem" }
-- page = { kind = "value", type = "String", unit = "path", meaning = "page, section, role or source of the links that is concerned" }
-- browser = { kind = "value", type = "String", unit = "name", meaning = "browser, version, engine, system or device that is concerned" }
-- network = { kind = "value", type = "String", unit = "AS number and name", meaning = "network that is concerned" }
-- country = { kind = "value", type = "String", unit = "ISO 3166 code", meaning = "country that is concerned" }
-- works_for = { kind = "value", type = "String", unit = "names", meaning = "the largest of the same kind without the fault" }
-- lost_low = { kind = "value", type = "UInt64", unit = "visitors", meaning = "lower bound of `lost` (95 %), rounded down" }
-- lost = { kind = "value", type = "UInt64", unit = "visitors", meaning = "visitors that are missing or met the fault, in steps of 5, from 100 on with two digits; views, bookings or page loads where the sentence says so" }
-- lost_high = { kind = "value", type = "UInt64", unit = "visitors", meaning = "upper bound of `lost` (95 %), rounded up" }
-- changed = { kind = "value", type = "String", unit = "marks", meaning = "everything that changed between the last good and the first bad hour" }
-- confidence = { kind = "value", type = "Float64", unit = "nats", meaning = "evidence: 11.5 is one error in a hundred thousand looks" }
-- evidence = { kind = "value", type = "String", unit = "word", meaning = "kind of cause, where the numbers tell it apart" }
-- urgency = { kind = "value", type = "UInt64", unit = "number", meaning = "1 + lost of an open or ongoing problem, 0 of others" }
-- sentence_ru = { kind = "value", type = "String", unit = "text", meaning = "the sentence in Russian" }
-- answers = { kind = "value", type = "String", unit = "JSON", meaning = "what, since when, for whom, how many and what changed: pairs of question and answer" }
-- answers_ru = { kind = "value", type = "String", unit = "JSON", meaning = "the answers in Russian" }
-- dimension = { kind = "value", type = "LowCardinality(String)", unit = "word", meaning = "kind of the part of the site that is concerned: page, section, browser, version, network, ...; site is the whole" }
-- name = { kind = "value", type = "String", unit = "name", meaning = "name of that part" }
-- quiet_until = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "begin of the last hour without the fault" }
-- muted_until = { kind = "value", type = "Nullable(DateTime('UTC'))", unit = "UTC", meaning = "end of the silence of a muted problem" }
-- also_for = { kind = "value", type = "String", unit = "JSON", meaning = "other parts of the site with the same fault" }
-- history = { kind = "value", type = "String", unit = "JSON", meaning = "what became of it, in order of time: at, state, muted_until, fixed_by, verdict, reason, by (who muted or closed it)" }
--
-- [en]
-- title = "Problems"
-- answer = "{sentence}"
-- nothing = "No problem is open."
-- limits = """\
-- The engine compares each hour with the hours before it; a loss is named once chance explains it only once in a hundred thousand looks: \
-- silence after about 15 expected visitors, a loss of a half after about 75, of a third after about 220. Faults that cost \
-- fewer visitors are not seen. Of all sites; times are UTC, sentences have the time of the site."""
--
-- [ru]
-- title = "Проблемы"
-- question = "Что сломано, с каких пор, у кого и скольких посетителей это стоило?"
-- answer = "{sentence_ru}"
-- nothing = "Открытых проблем нет."
-- limits = """\
-- Каждый час сравнивается с прежними; потеря названа, когда случай объясняет её один раз на сто тысяч проверок: тишина - примерно после 15 \
-- ожидаемых посетителей, потеря половины - после 75, трети - после 220. Сбои, которые стоили меньше, не видны. По всем сайтам; время в \
-- столбцах UTC, в предложениях - время сайта."""

-- Which robots read the site, and is their identity verified?
WITH
    $stored
SELECT
    robot,
    identity,
    sum(day_hits) AS hits,
    max(day_pages) AS pages,
    uniqExactArray(day_networks) AS networks,
    topKMerge(1, 250)(day_countries)[1] AS country,
    sum(day_failed) AS failed_signatures,
    toDateTime(max(day_last), $zone) AS last_seen
FROM
(
    SELECT
        if(name = '', 'unnamed', name) AS robot,
        multiIf(
            startsWith(name, 'monitor:'), 'own',
            agent_signed = 'verified', 'signed',
            has(ivt_reasons, 'false_crawler'), 'false name',
            net_class = 'crawler', 'verified',
            has(ivt_reasons, 'robot_scanner'), 'scanner',
            has(ivt_reasons, 'automation_token'), 'automation',
            has(ivt_reasons, 'http_library'), 'library',
            name = '', 'failed',
            'claimed'
        ) AS identity,
        toDate(received_at, $zone) AS day,
        count() AS day_hits,
        uniqExact(page) AS day_pages,
        groupUniqArray(asn) AS day_networks,
        -- Room for 250 countries, so the count is exact.
        topKState(1, 250)(country) AS day_countries,
        countIf(agent_signed = 'failed') AS day_failed,
        max(received_at) AS day_last
    FROM (SELECT *, toString(stored.robot) AS name FROM stored)
    WHERE name != '' OR agent_signed = 'failed'
    GROUP BY robot, identity, day
)
GROUP BY robot, identity
ORDER BY hits DESC, robot, identity

-- purpose = "fraud"
-- role = "security"
-- chart = "bar"
-- rank = "hits"
-- screen = ["robot", "identity", "hits", "pages", "networks", "country", "last_seen"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- robot = { kind = "value", unit = "name", meaning = "declared in the user agent (F01); agent: and the name that a signature proved; monitor: and the name of the site's own check; unnamed: neither" }
-- identity = { kind = "value", unit = "word", meaning = "verified: came from the operator's published range (F03); signed: proved its name with a signature; claimed: only says so, and no fresh list can tell; false name: its operator's fresh list does not have the address (F04); library, automation: a program's own name or that of a controlled browser (F07); scanner: looks for vulnerabilities; own: a check of the site itself (setting `monitors`); failed: names no robot, but sent a signature under a known program's key that does not hold" }
-- hits = { kind = "value", unit = "hits", meaning = "page views and impressions" }
-- pages = { kind = "value", unit = "pages", meaning = "most different pages in one day of the site" }
-- networks = { kind = "value", unit = "networks", meaning = "different autonomous systems" }
-- country = { kind = "value", unit = "ISO 3166 code", meaning = "country of most of its hits" }
-- failed_signatures = { kind = "value", unit = "hits", meaning = "of these, hits with a signature that does not hold: expired, replayed, changed, or for another host; a reason to look (F58), never points" }
-- last_seen = { kind = "value", unit = "time of the site", meaning = "time of its last hit" }
--
-- [en]
-- title = "Robots"
-- answer = "Most hits by {robot} ({identity}): hits {hits}, pages {pages}, networks {networks}."
-- limits = """\
-- Class GIVT; 'false name' is SIVT. Only robots that declare themselves and load images: simple robots are undercounted. 'claimed' is \
-- not 'false': an operator may have added a range since the list was downloaded (F04 needs a fresh list). A signed agent may act for a \
-- patient: it is known, in no number of visitors, and never suspected. A failed signature may be a clock that is wrong."""
--
-- [ru]
-- title = "Роботы"
-- question = "Какие роботы читают сайт и те ли они, за кого себя выдают?"
-- answer = "Больше всего обращений у {robot} ({identity}): {hits}, страниц {pages}, сетей {networks}."
-- limits = """\
-- Класс GIVT; 'false name' - SIVT. Только роботы, которые называют себя и грузят картинки: простых роботов больше. 'claimed' не значит \
-- 'поддельный': диапазон мог появиться после выпуска списка (для F04 нужен свежий список). Подписанный агент (signed) может действовать \
-- за пациента: он известен, не входит в число посетителей и не под подозрением. Причиной неверной подписи бывают часы."""

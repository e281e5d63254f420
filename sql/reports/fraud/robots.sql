-- Which robots read the site, and is their identity verified?
WITH
    $stored
SELECT
    robot,
    multiIf(startsWith(robot, 'monitor:'), 'own', is_verified, 'verified', 'claimed') AS identity,
    sum(day_hits) AS hits,
    max(day_pages) AS pages,
    uniqExactArray(day_networks) AS networks,
    topKMerge(1, 250)(day_countries)[1] AS country,
    toDateTime(max(day_last), $zone) AS last_seen
FROM
(
    SELECT
        robot,
        net_class = 'crawler' AS is_verified,
        toDate(received_at, $zone) AS day,
        count() AS day_hits,
        uniqExact(page) AS day_pages,
        groupUniqArray(asn) AS day_networks,
        -- Room for 250 countries, so the count is exact.
        topKState(1, 250)(country) AS day_countries,
        max(received_at) AS day_last
    FROM stored
    WHERE robot != ''
    GROUP BY robot, is_verified, day
)
GROUP BY robot, is_verified
ORDER BY hits DESC, robot, identity

-- purpose = "fraud"
-- role = "security"
-- chart = "bar"
-- rank = "hits"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- robot = { kind = "value", unit = "name", meaning = "declared in the user agent (F01), or monitor: and the name of the site's own check" }
-- identity = { kind = "value", unit = "word", meaning = "verified: came from the operator's published range (F03); claimed: did not, or no list is available; own: a check of the site itself (setting `monitors`)" }
-- hits = { kind = "value", unit = "hits", meaning = "page views and impressions" }
-- pages = { kind = "value", unit = "pages", meaning = "most different pages in one day of the site" }
-- networks = { kind = "value", unit = "networks", meaning = "different autonomous systems" }
-- country = { kind = "value", unit = "ISO 3166 code", meaning = "country of most of its hits" }
-- last_seen = { kind = "value", unit = "time of the site", meaning = "time of its last hit" }
--
-- [en]
-- title = "Declared robots"
-- answer = "Most hits by {robot} ({identity}): hits {hits}, pages {pages}, networks {networks}."
-- limits = """\
-- Class GIVT. Only robots that declare themselves and load images: simple robots are undercounted. 'claimed' is not 'false': an \
-- operator may have added a range since the list was downloaded (F04 needs a fresh list)."""
--
-- [ru]
-- title = "Назвавшие себя роботы"
-- question = "Какие роботы читают сайт и те ли они, за кого себя выдают?"
-- answer = "Больше всего обращений у {robot} ({identity}): {hits}, страниц {pages}, сетей {networks}."
-- limits = """\
-- Класс GIVT. Только роботы, которые называют себя и грузят картинки: простых роботов больше. 'claimed' не значит \
-- 'поддельный': диапазон мог появиться после выпуска списка (для F04 нужен свежий список)."""

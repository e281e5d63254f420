-- title.en: Declared robots
-- title.ru: Назвавшие себя роботы
-- question.en: Which robots read the site, and are they who they say they are?
-- question.ru: Какие роботы читают сайт и те ли они, за кого себя выдают?
-- answer.en: Most hits by {robot} ({identity}): hits {hits}, pages {pages}, networks {networks}.
-- answer.ru: Больше всего обращений у {robot} ({identity}): {hits}, страниц {pages}, сетей {networks}.
-- purpose: fraud
-- role: security
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.robot: value, name; declared in the user agent (F01)
-- column.identity: value, word; verified: came from the operator's published range (F03); claimed: did not, or no list is kept
-- column.hits: value, hits; page views and impressions
-- column.pages: value, pages; most different pages in one UTC day
-- column.networks: value, networks; different autonomous systems
-- column.country: value, ISO 3166 code; where most of its hits came from
-- column.last_seen: value, UTC; month, day and time of its last hit
-- chart: bar
-- rank: hits
-- threshold: none
-- limits.en: Class GIVT. Only robots that say so and load images: simple robots are undercounted. 'claimed' is not 'false':
--   an operator may have added a range since the list was taken (F04 needs a fresh list).
-- limits.ru: Класс GIVT. Только роботы, которые называют себя и грузят картинки: простых роботов больше. 'claimed' не значит
--   'поддельный': диапазон мог появиться после выпуска списка (для F04 нужен свежий список).
SELECT
    robot,
    if(is_verified, 'verified', 'claimed') AS identity,
    sum(day_hits) AS hits,
    max(day_pages) AS pages,
    uniqExactArray(day_networks) AS networks,
    arrayElement(arrayMap(pair -> pair.1, arrayReverseSort(pair -> (pair.2, pair.1), CAST(sumMap(day_countries), 'Array(Tuple(String, UInt64))'))), 1) AS country,
    formatDateTime(max(day_last), '%m-%d %H:%i', 'UTC') AS last_seen
FROM
(
    SELECT
        robot,
        net_class = 'crawler' AS is_verified,
        epoch,
        count() AS day_hits,
        uniqExact(page) AS day_pages,
        groupUniqArray(asn) AS day_networks,
        sumMap(map(replaceAll(toString(country), '\0', ''), toUInt64(1))) AS day_countries,
        max(received_at) AS day_last
    FROM pixel.events
    WHERE site = {site:String}
        AND robot != ''
        AND received_at >= toStartOfHour({since:DateTime64(3, 'UTC')})
        AND received_at < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
    GROUP BY robot, is_verified, epoch
)
GROUP BY robot, is_verified
ORDER BY hits DESC, robot, identity

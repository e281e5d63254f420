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
-- column.identity: value, word; verified: came from the operator's published range (F03); unverified: did not, or no list is kept
-- column.hits: value, hits; page views and impressions
-- column.pages: value, pages; most different pages in one UTC day
-- column.reach: value, word; wide when pages reach the threshold (F15), else narrow
-- column.networks: value, networks; different autonomous systems
-- column.countries: value, codes; up to three countries, most hits first
-- column.last_seen: value, UTC; time of its last hit
-- chart: bar
-- rank: hits
-- threshold: wide_pages
-- limits.en: Class GIVT. Only robots that say so and load images: simple robots are undercounted. 'unverified' is not 'false':
--   an operator may have added a range since the list was taken (F04 needs a fresh list).
-- limits.ru: Класс GIVT. Только роботы, которые называют себя и грузят картинки: простых роботов больше. 'unverified' не значит
--   'поддельный': диапазон мог появиться после выпуска списка (для F04 нужен свежий список).
SELECT
    robot,
    if(net_class = 'crawler', 'verified', 'unverified') AS identity,
    sum(day_hits) AS hits,
    max(day_pages) AS pages,
    if(pages >= {wide_pages:UInt64}, 'wide', 'narrow') AS reach,
    uniqExactArray(day_asns) AS networks,
    arrayStringConcat(arraySlice(arrayMap(pair -> pair.1, arrayReverseSort(pair -> pair.2, CAST(sumMap(day_countries), 'Array(Tuple(String, UInt64))'))), 1, 3), ' ') AS countries,
    formatDateTime(max(day_last), '%Y-%m-%d %H:%i', 'UTC') AS last_seen
FROM
(
    SELECT
        robot,
        if(net_class = 'crawler', 'crawler', 'other') AS net_class,
        epoch,
        count() AS day_hits,
        uniqExact(page) AS day_pages,
        groupUniqArray(asn) AS day_asns,
        sumMap(map(replaceAll(toString(country), '\0', ''), toUInt64(1))) AS day_countries,
        max(received_at) AS day_last
    FROM pixel.events
    WHERE site = {site:String}
        AND robot != ''
        AND received_at >= toStartOfHour({since:DateTime64(3, 'UTC')})
        AND received_at < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
    GROUP BY robot, net_class, epoch
)
GROUP BY robot, net_class
ORDER BY hits DESC, robot, identity

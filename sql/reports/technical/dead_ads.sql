-- Which ad block is no longer shown on the pages that showed it?
SELECT
    $person,
    block AS ad,
    kind = 'pageview' AS hits,
    kind = 'impression' AS impressions,
    kind = 'pageview' AND received_at > last_shown AS quiet
FROM
(
    SELECT *, max(if(kind = 'impression', received_at, toDateTime64(0, 3, 'UTC'))) OVER (PARTITION BY block) AS last_shown
    FROM
    (
        -- A page view counts for each block that its page showed to visitors in the same day, week or four weeks. Only the ten most shown
        -- blocks of a page: whoever forges impressions of a thousand blocks shall not multiply the page views by a thousand.
        SELECT *, arrayJoin(blocks) AS block
        FROM
        (
            SELECT *, topKIf(10, 100)(toString(ad), kind = 'impression' AND who = 'person') OVER (PARTITION BY page_host, page) AS blocks
            FROM events
            WHERE status < 400
        )
    )
    WHERE kind = 'pageview' OR ad = block
)

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "lost"
-- tells_from = 5
-- shape = "sparse"
-- order = "lost DESC, visitors DESC, ad"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- ad = { kind = "key", unit = "id of the ad block", meaning = "ad block, as the tag names it" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of pages that showed it; of several days: visitors of each day, added" }
-- hits = { kind = "measure", unit = "page views", meaning = "page views of the pages that showed it at any time of the day (in a week: of the week); of one visitor at most 4 count" }
-- impressions = { kind = "measure", unit = "impressions", meaning = "times that it was seen; of one visitor at most 4 count; empty below 5" }
-- ratio = { kind = "derived", unit = "percent", meaning = "impressions among page views", expression = "round(100 * impressions / nullIf(hits, 0), 1)" }
-- quiet = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of the page views, those after its last impression; empty below 5, as it is for a block that works" }
-- lost = { kind = "derived", unit = "impressions", meaning = "impressions that were to be expected in the quiet page views", expression = "accurateCastOrNull(round(quiet * impressions / nullIf(hits - quiet, 0)), 'Int64')" }
--
-- [en]
-- title = "Dead ad blocks"
-- answer = "{ad} has been quiet for {quiet} of {hits} page views of its pages ({lost} impressions are missing)."
-- nothing = "Every ad block that was shown is still shown."
-- limits = """\
-- A block that no page shows for a whole day has no row in this day: look at the week, and at the rows of the days before (`technical.cells`). \
-- A block counts when half of it is in view for a second, so a ratio below 100 % is usual. Pages of other sites have no page views here."""
--
-- [ru]
-- title = "Пропавшие рекламные блоки"
-- question = "Какой рекламный блок больше не показывают страницы, которые его показывали?"
-- answer = "Блок {ad} не показан ни разу за последние {quiet} из {hits} просмотров его страниц (недостаёт показов: {lost})."
-- nothing = "Каждый рекламный блок, который был показан, показывается и дальше."
-- limits = """\
-- Блока, который ни одна страница не показывает целый день, в этом дне нет: смотрите неделю и прежние дни (`technical.cells`). \
-- Показ считается, когда половина блока видна секунду, поэтому доля ниже 100 % обычна. У страниц других сайтов здесь нет просмотров."""

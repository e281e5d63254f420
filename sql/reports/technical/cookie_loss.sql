-- Which browsers lose the id cookie between two pages?
SELECT
    $person,
    if(browser IN ('', 'Other', 'other'), 'unknown', browser) AS browser,
    if(browser_major = 0, '', toString(browser_major)) AS major,
    1 AS hits,
    is_later AS later,
    is_later AND cookie_state != 'returning' AS lost,
    cookie_state IN ('refused', 'signal') AS lawful
FROM
(
    -- A later page view: the same client had one before, and a link of the site led here. The first alone would take two people behind one
    -- address for one. A cookie that nobody may set (consent, signal, sensitive page, no https) cannot be lost.
    SELECT
        *,
        cookie_state IN ('new', 'returning')
            AND referrer_kind = 'internal'
            AND position(referrer_page, '/~') = 0
            AND row_number() OVER (PARTITION BY who, person, person_day ORDER BY received_at, page) > 1 AS is_later
    FROM events
    WHERE kind = 'pageview'
)

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "more"
-- tells_from = 10
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, browser, major"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- browser = { kind = "key", unit = "name", meaning = "browser family" }
-- major = { kind = "key", unit = "version", meaning = "its major version" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors with this browser; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views; of one visitor at most 4 count, here and in the next columns" }
-- later = { kind = "measure", unit = "page views", meaning = "of these, second and later ones, reached from a link of the site, where the collector may set the cookie; empty below 5" }
-- lost = { kind = "measure", part_of = "later", unit = "page views", meaning = "of the later ones, those without the cookie that was set before; empty below 5" }
-- share = { kind = "derived", unit = "percent", meaning = "lost among later", expression = "round(100 * lost / nullIf(later, 0), 1)" }
-- others = { kind = "derived", unit = "percent", meaning = "the same of all other rows together; an empty number counts as 0", expression = "if(isNull(later), NULL, round(100 * (sum(ifNull(lost, 0)) OVER (PARTITION BY site) - ifNull(lost, 0)) / nullIf(sum(ifNull(later, 0)) OVER (PARTITION BY site) - ifNull(later, 0), 0), 1))" }
-- more = { kind = "derived", unit = "page views", meaning = "lost beyond the share of the others", expression = "accurateCastOrNull(round(lost - later * (sum(ifNull(lost, 0)) OVER (PARTITION BY site) - ifNull(lost, 0)) / nullIf(sum(ifNull(later, 0)) OVER (PARTITION BY site) - ifNull(later, 0), 0)), 'Int64')" }
-- lawful = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of all page views, those without consent to the cookie, or with a privacy signal (GPC, Do Not Track, opt-out): no loss; empty below 5" }
--
-- [en]
-- title = "Lost cookies"
-- answer = """\
-- Compared with the others, the id cookie is missing most in {browser} {major}: on {lost} of {later} later page views \
-- (others: {others} %)."""
-- nothing = "No browser loses the id cookie visibly more often than the others."
-- limits = """\
-- Only page views that a link of the site led to, so browsers that send no referrer are not judged. A browser that deletes cookies when it \
-- is closed loses none within a visit. Page views without a visitor are grouped, so `lawful` is too low. `later` is empty if the collector may not set a cookie."""
--
-- [ru]
-- title = "Потерянные cookie"
-- question = "Какие браузеры теряют идентификационный cookie между двумя страницами?"
-- answer = """\
-- По сравнению с остальными cookie больше всего теряется в {browser} {major}: его нет в {lost} из {later} повторных просмотров \
-- (у остальных {others} %)."""
-- nothing = "Ни один браузер не теряет cookie заметно чаще остальных."
-- limits = """\
-- Только просмотры по ссылке внутри сайта: браузер, который не сообщает источник, не оценивается. Браузер, который удаляет cookie при закрытии, \
-- во время посещения их не теряет. Просмотры без посетителя сгруппированы, поэтому «без согласия» (`lawful`) \
-- занижено. Если cookie ставить нельзя, «последующие просмотры» (`later`) пусты."""

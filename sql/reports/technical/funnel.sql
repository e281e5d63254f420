-- At which step of the way to an appointment do visitors stop, and on which device?
SELECT
    $person,
    toString(page_role) AS step,
    if(device = '', 'unknown', toString(device)) AS device,
    1 AS hits,
    is_first AND furthest > place AS went_on
FROM
(
    -- A visitor counts once in each step, and goes on where a page of any later step comes after: not everybody searches.
    SELECT
        *,
        row_number() OVER (PARTITION BY who, person, person_day, place ORDER BY received_at, page) = 1 AS is_first,
        max(place) OVER (
            PARTITION BY who, person, person_day ORDER BY received_at DESC, page DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS furthest
    FROM
    (
        SELECT *, indexOf(['landing', 'search', 'form', 'done'], toString(page_role)) AS place
        FROM events
        WHERE kind = 'pageview'
    )
    WHERE place > 0
)

-- purpose = "technical"
-- role = "ops"
-- chart = "funnel"
-- rank = "lost"
-- tells_from = 5
-- shape = "sparse"
-- order = "indexOf(['landing', 'search', 'form', 'done'], step), visitors DESC, device"
-- roles = ["form", "done"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- step = { kind = "key", unit = "role of the page", meaning = "landing, search, form or done: the steps that the settings name, in this order" }
-- device = { kind = "key", unit = "kind of device", meaning = "pc, phone, tablet, tv and so on" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who opened a page of this step; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views of this step; of one visitor at most 4 count" }
-- went_on = { kind = "measure", part_of = "hits", unit = "visitors", meaning = "of the visitors, those who opened a page of any later step afterwards; empty below 5, and for the last step" }
-- share = { kind = "derived", unit = "percent", meaning = "went_on among the visitors", expression = "accurateCastOrNull(round(100 * if(went_on > visitors, visitors, went_on) / nullIf(visitors, 0)), 'Int64')" }
-- others = { kind = "derived", unit = "percent", meaning = "the same of all other devices in this step with both numbers, together", expression = "if(isNull(visitors) OR step = 'done', NULL, accurateCastOrNull(round(100 * (sum(went_on) OVER (PARTITION BY site, step) - ifNull(went_on, 0)) / nullIf(sum(if(isNull(went_on), 0, visitors)) OVER (PARTITION BY site, step) - if(isNull(went_on), 0, visitors), 0)), 'Int64'))" }
-- lost = { kind = "derived", unit = "visitors", meaning = "visitors who would have gone on with the share of the others; below zero: more than that went on; an empty `went_on` counts as 4", expression = "if(isNull(visitors) OR step = 'done', NULL, accurateCastOrNull(round(visitors * (sum(went_on) OVER (PARTITION BY site, step) - ifNull(went_on, 0)) / nullIf(sum(if(isNull(went_on), 0, visitors)) OVER (PARTITION BY site, step) - if(isNull(went_on), 0, visitors), 0) - ifNull(went_on, 4)), 'Int64'))" }
--
-- [en]
-- title = "Steps to an appointment"
-- answer = """\
-- Compared with the other devices, most visitors stop at the step {step} with this device: {device}. {went_on} of {visitors} went on \
-- (others: {others} %)."""
-- nothing = "On no device visibly more visitors stop at a step than on the others."
-- limits = """\
-- Pages have a step by their role in the settings: landing, search, form, done. A visitor may leave out a step. Each day, and each week, is \
-- counted by itself: a visitor who goes on after its end has stopped in it. A difference of fewer than 5 visitors may be noise."""
--
-- [ru]
-- title = "Шаги к записи"
-- question = "На каком шаге по пути к записи и на каком устройстве посетители останавливаются?"
-- answer = """\
-- По сравнению с другими устройствами больше всего посетителей останавливается на шаге {step}, устройство {device}: дальше прошли {went_on} \
-- из {visitors} (у остальных {others} %)."""
-- nothing = "Ни на одном устройстве посетители не останавливаются на шаге заметно чаще, чем на остальных."
-- limits = """\
-- Шаг страницы - это её роль в настройках: `landing`, `search`, `form`, `done`. Шаг можно пропустить. Каждый день и каждая неделя считаются отдельно: \
-- кто прошёл дальше после их конца, тот в них остановился. Разница меньше 5 посетителей может быть шумом."""

-- The frame of every technical report of visitors: primary suppression at min_visitors people, complementary suppression
-- into 'other', seeded random rounding to base min_visitors.
--
-- $cells is the report's own SELECT. It reads `events` (below: the site's events of whole hours) and gives, beside its keys
-- and its measures (whole numbers that may be added):
--   people     uniqExactMapState(person);
--   seed       groupBitXor(sipHash64(event_id)): no reader of reports knows it.
--
-- Rules:
--   1. people.sql defines a person. Here a person is a map day -> visitor; a declared robot is an empty map, and all rows
--      without a visitor together are one person. So a sensitive page, whose rows have no visitor, is never shown by name.
--   2. Primary suppression: a cell with at least min_visitors people is shown. People are counted low, because one person may
--      have a cookie and, without it, be a new visitor every day: the number of people is the number of cookies or of the
--      visitors on the fullest day, whichever is larger.
--   3. Complementary suppression: smaller cells become one folded row; the next smallest cells join it until it has two cells
--      and min_visitors people of its own. If that is not possible, nothing is shown. People are merged, never added.
--   4. A cell without people is left out: if it were shown, its change would reveal the first person.
--   5. Random rounding: every published number is a multiple of min_visitors. The seed decides between up and down: the same
--      rows always give the same number, no total drifts, and a step between two windows proves no new person. The numbers
--      of one cell are rounded in the same direction, so a part is never larger than its whole.
--   6. Derived columns are expressions over the published numbers: they add no information.
WITH
    (numbers -> arrayMax(mapValues(numbers))) AS people_of,
    ((number, shift) -> intDiv(number + shift, {min_visitors:UInt64}) * {min_visitors:UInt64}) AS to_base,
    $stored,
    $people,
    events AS (
        SELECT * REPLACE (if(robot = '', map(person_day, person), CAST(map(), 'Map(Date, UInt64)')) AS person)
        FROM persons
    ),
    cells AS (
        $cells
    ),
    counted AS (
        SELECT
            [$keys] AS cell,
            [$measures] AS amounts,
            people,
            seed,
            people_of(finalizeAggregation(people)) AS own_people,
            own_people < {min_visitors:UInt64} AS is_small
        FROM cells
        WHERE own_people > 0
    ),
    ordered AS (
        SELECT
            *,
            count() OVER smallest_first AS place,
            people_of(uniqExactMapMerge(people) OVER smallest_first) AS people_so_far,
            countIf(is_small) OVER () AS small_cells
        FROM counted
        WINDOW smallest_first AS (ORDER BY is_small DESC, own_people, cell ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    marked AS (
        SELECT
            *,
            min(if(place >= greatest(small_cells, 2) AND people_so_far >= {min_visitors:UInt64}, place, NULL)) OVER () AS enough,
            small_cells > 0 AND place <= enough AS is_folded
        FROM ordered
    ),
    rounded AS (
        SELECT
            toBool(is_folded) AS folded,
            if(is_folded, arrayMap((name, number) -> if(number = 1, 'other', ''), cell, arrayEnumerate(cell)), cell) AS keys,
            groupBitXor(seed) % {min_visitors:UInt64} AS shift,
            arrayMap(number -> to_base(number, shift), sumForEach(amounts)) AS numbers,
            to_base(arraySum(mapValues(uniqExactMapMerge(people))), shift) AS distinct_visitors
        FROM marked
        WHERE small_cells = 0 OR isNotNull(enough)
        GROUP BY folded, keys
    ),
    published AS (
        SELECT
            $published,
            folded
        FROM rounded
    )
SELECT
    $columns,
    folded
FROM published
ORDER BY folded, $order

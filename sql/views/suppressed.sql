-- Suppression of small cells: the one piece that every technical report of visitors goes through.
--
-- $cells is the report's own SELECT. Beside its keys and measures (whole numbers that may be added) each of its rows holds
--   people     uniqExactMapState(map(day, visitor)): day is the key epoch of a visitor token that lives for one day and
--              1970-01-01 for a cookie; all rows without a visitor are together the one visitor 0;
--   seed       groupBitXor(sipHash64(event_id)): known to nobody who reads reports;
--   sensitive  1 when the cell's key names a sensitive group.
--
-- Rules:
--   1. A cell is shown from min_visitors people up. People are counted low: one person without a cookie is a new visitor
--      every day, so of the daily visitors only the fullest day counts.
--   2. Smaller cells become 'other'; the next smallest fold in until it has two cells and min_visitors people of its own.
--      Where that is never reached, nothing is shown. Overlap is respected: 'other' counts merged people, not a sum.
--   3. Every published number is a multiple of the cell's min_visitors. Up or down is decided by the seed: the same rows
--      always give the same number, no total drifts, and a step between two windows proves nobody.
WITH
    (numbers -> numbers[toDate(0)] + arrayMax(mapValues(mapFilter((day, number) -> day != toDate(0), numbers)))) AS people_of,
    cells AS (
        $cells
    ),
    counted AS (
        SELECT
            [$keys] AS cell,
            [$measures] AS amounts,
            people,
            seed,
            if(sensitive, {min_visitors_sensitive:UInt64}, {min_visitors:UInt64}) AS needed,
            people_of(finalizeAggregation(people)) AS own_people,
            own_people < needed AS is_small
        FROM cells
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
    folded AS (
        SELECT
            *,
            min(if(place >= greatest(small_cells, 2) AND people_so_far >= {min_visitors:UInt64}, place, NULL)) OVER () AS enough,
            small_cells > 0 AND place <= enough AS in_other
        FROM ordered
    ),
    shown AS (
        SELECT
            in_other,
            if(in_other, arrayMap((name, number) -> if(number = 1, 'other', ''), cell, arrayEnumerate(cell)), cell) AS keys,
            if(in_other, {min_visitors:UInt64}, any(needed)) AS step,
            groupBitXor(seed) % step AS coin,
            arrayMap(number -> intDiv(number + coin, step) * step, sumForEach(amounts)) AS numbers,
            intDiv(arraySum(mapValues(uniqExactMapMerge(people))) + coin, step) * step AS distinct_visitors
        FROM folded
        WHERE small_cells = 0 OR isNotNull(enough)
        GROUP BY in_other, keys
    )
SELECT
    $columns
FROM shown
ORDER BY in_other, $order

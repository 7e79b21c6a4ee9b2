WITH heard AS (
    SELECT symbol, CAST(received_at AS BIGINT) / 1000000 AS second, max(event_time) AS latest_event
    FROM staging.stg_messages AS messages
    GROUP BY 1, 2
),
minutes_of_symbols AS (
    SELECT symbol, second / 60 AS minute FROM heard GROUP BY 1, 2
),
spans AS (
    SELECT
        symbol, minute,
        least(coalesce(lead(minute) OVER (PARTITION BY symbol ORDER BY minute), minute + 15), minute + 15) AS until
    FROM minutes_of_symbols
),
expected AS (
    SELECT spans.symbol, unnest(range(spans.minute, spans.until)) AS minute FROM spans
),
observed AS (
    SELECT DISTINCT minute FROM minutes_of_symbols
),
seconds AS (
    SELECT expected.symbol, unnest(range(expected.minute * 60, expected.minute * 60 + 60)) AS second
    FROM expected
    JOIN observed ON observed.minute = expected.minute
)
SELECT
    seconds.symbol,
    seconds.second,
    max(heard.second) OVER up_to_here AS last_heard,
    max(heard.latest_event) OVER up_to_here AS latest_event
FROM seconds
LEFT JOIN heard ON heard.symbol = seconds.symbol AND heard.second = seconds.second
WINDOW up_to_here AS (PARTITION BY seconds.symbol ORDER BY seconds.second RANGE BETWEEN 899 PRECEDING AND CURRENT ROW)

WITH followed AS (
    SELECT
        states.*,
        CAST(since AS BIGINT) AS begins,
        CAST(since AS BIGINT) - CAST(since AS BIGINT) % 60000000 AS minute_begins,
        CAST(lead(since) OVER (PARTITION BY symbol ORDER BY since, live, update_id) AS BIGINT) AS next_begins
    FROM staging.stg_book_states AS states
)
SELECT
    symbol, since, update_id, live, spread_bps, imbalance, microprice,
    bid_depth_5bps, bid_depth_10bps, bid_depth_25bps, ask_depth_5bps, ask_depth_10bps, ask_depth_25bps,
    false AS carried,
    minute_begins,
    least(coalesce(next_begins, minute_begins + 60000000), minute_begins + 60000000) - begins AS microseconds
FROM followed
UNION ALL
SELECT
    symbol, since, update_id, live, spread_bps, imbalance, microprice,
    bid_depth_5bps, bid_depth_10bps, bid_depth_25bps, ask_depth_5bps, ask_depth_10bps, ask_depth_25bps,
    true AS carried,
    next_begins - next_begins % 60000000 AS minute_begins,
    next_begins % 60000000 AS microseconds
FROM followed
WHERE next_begins - begins <= 300000000 AND next_begins - next_begins % 60000000 > begins

SELECT
    symbol,
    to_timestamp_micros(minute_begins) AS minute,
    count(*) FILTER (WHERE live AND NOT carried) AS updates,
    CAST(coalesce(sum(microseconds) FILTER (WHERE live), 0) AS DOUBLE) / 1000000 AS covered_seconds,
    CAST(sum(CAST(spread_bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE spread_bps IS NOT NULL), 0) AS spread_bps,
    CAST(sum(CAST(imbalance * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE imbalance IS NOT NULL), 0) AS imbalance,
    CAST(sum(CAST(bid_depth_5bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE bid_depth_5bps IS NOT NULL), 0) AS bid_depth_5bps,
    CAST(sum(CAST(bid_depth_10bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE bid_depth_10bps IS NOT NULL), 0) AS bid_depth_10bps,
    CAST(sum(CAST(bid_depth_25bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE bid_depth_25bps IS NOT NULL), 0) AS bid_depth_25bps,
    CAST(sum(CAST(ask_depth_5bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE ask_depth_5bps IS NOT NULL), 0) AS ask_depth_5bps,
    CAST(sum(CAST(ask_depth_10bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE ask_depth_10bps IS NOT NULL), 0) AS ask_depth_10bps,
    CAST(sum(CAST(ask_depth_25bps * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE ask_depth_25bps IS NOT NULL), 0) AS ask_depth_25bps,
    CAST(sum(CAST(microprice * microseconds AS DECIMAL(38, 9))) AS DOUBLE)
        / nullif(sum(microseconds) FILTER (WHERE microprice IS NOT NULL), 0) AS microprice,
    last_value(microprice ORDER BY since, update_id) FILTER (WHERE live AND NOT carried) AS last_microprice
FROM intermediate.int_book_segments AS segments
WHERE to_timestamp_micros(minute_begins) >= :rows_from AND to_timestamp_micros(minute_begins) < :until
GROUP BY symbol, minute_begins
HAVING count(*) FILTER (WHERE live AND NOT carried) > 0

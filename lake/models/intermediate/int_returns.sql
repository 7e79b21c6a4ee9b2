WITH followed AS (
    SELECT
        bars.*,
        lag(close) OVER by_time AS close_before,
        lag(open_time) OVER by_time AS open_time_before
    FROM staging.stg_bars AS bars
    WINDOW by_time AS (PARTITION BY symbol ORDER BY open_time)
),
near AS (
    SELECT
        followed.*,
        CASE WHEN CAST(open_time AS BIGINT) - CAST(open_time_before AS BIGINT) <= 3600000000
            THEN CAST(close AS DOUBLE) / CAST(close_before AS DOUBLE) END AS growth
    FROM followed
)
SELECT near.*, growth - 1 AS simple_return, ln(growth) AS log_return
FROM near

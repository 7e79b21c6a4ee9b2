WITH minutes AS (
    SELECT
        symbol,
        second / 60 AS minute,
        sum(CASE WHEN second - last_heard > :promised_freshness_seconds THEN 1 ELSE 0 END) AS seconds_stale,
        max(latest_event) AS latest_event
    FROM intermediate.int_expected_seconds AS seconds
    GROUP BY 1, 2
),
received AS (
    SELECT
        symbol,
        CAST(received_at AS BIGINT) / 60000000 AS minute,
        count(*) AS messages,
        percentile_cont(CAST(CAST(received_at AS BIGINT) - CAST(event_time AS BIGINT) AS DOUBLE) / 1000, 0.5) AS lag_p50,
        percentile_cont(CAST(CAST(received_at AS BIGINT) - CAST(event_time AS BIGINT) AS DOUBLE) / 1000, 0.99) AS lag_p99
    FROM staging.stg_messages AS messages
    WHERE received_at >= :rows_from
    GROUP BY 1, 2
),
published AS (
    SELECT
        symbol,
        CAST(received_at AS BIGINT) / 60000000 AS minute,
        percentile_cont(CAST(CAST(published_at AS BIGINT) - CAST(event_time AS BIGINT) AS DOUBLE) / 1000, 0.5) AS lag_p50,
        percentile_cont(CAST(CAST(published_at AS BIGINT) - CAST(event_time AS BIGINT) AS DOUBLE) / 1000, 0.99) AS lag_p99
    FROM staging.stg_published AS published
    GROUP BY 1, 2
),
events AS (
    SELECT
        symbol,
        CAST(received_at AS BIGINT) / 60000000 AS minute,
        count(*) FILTER (WHERE kind = 'gap') AS gaps,
        count(*) FILTER (WHERE kind = 'resync') AS resyncs
    FROM staging.stg_feed_events AS events
    GROUP BY 1, 2
),
symbols AS (
    SELECT minute, count(*) AS symbols FROM minutes GROUP BY 1
),
gap_rates AS (
    SELECT
        symbols.minute,
        CAST(sum(events.gaps) AS DOUBLE) * 60 / :gap_minutes / max(symbols.symbols) AS gaps_per_hour
    FROM symbols
    JOIN events ON events.minute > symbols.minute - :gap_minutes AND events.minute <= symbols.minute
    GROUP BY 1
)
SELECT
    minutes.symbol,
    to_timestamp_micros(minutes.minute * 60000000) AS minute,
    coalesce(received.messages, 0) AS messages,
    coalesce(events.gaps, 0) AS gaps,
    coalesce(events.resyncs, 0) AS resyncs,
    CAST(minutes.seconds_stale AS DOUBLE) AS seconds_stale,
    CAST((minutes.minute + 1) * 60000000 - CAST(minutes.latest_event AS BIGINT) AS DOUBLE) / 1000000 AS watermark_lag_seconds,
    received.lag_p50 AS receive_lag_p50_ms,
    received.lag_p99 AS receive_lag_p99_ms,
    published.lag_p50 AS event_lag_p50_ms,
    published.lag_p99 AS event_lag_p99_ms,
    CASE
        WHEN received.messages IS NULL THEN 'no_data'
        WHEN minutes.seconds_stale > 0 OR gap_rates.gaps_per_hour > :promised_gaps_per_hour THEN 'breached'
        ELSE 'ok'
    END AS sla_status
FROM minutes
LEFT JOIN received ON received.symbol = minutes.symbol AND received.minute = minutes.minute
LEFT JOIN published ON published.symbol = minutes.symbol AND published.minute = minutes.minute
LEFT JOIN events ON events.symbol = minutes.symbol AND events.minute = minutes.minute
LEFT JOIN gap_rates ON gap_rates.minute = minutes.minute
WHERE to_timestamp_micros(minutes.minute * 60000000) >= :rows_from
    AND to_timestamp_micros(minutes.minute * 60000000) < :until

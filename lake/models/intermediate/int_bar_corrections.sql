WITH believed AS (
    SELECT
        symbol, open_time, source_topic,
        open, high, low, close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume
    FROM normalized.ohlcv_1m
    WHERE is_current AND open_time >= :rows_from AND open_time < :until
),
closed AS (
    SELECT source_partition, max(open_time) AS newest
    FROM normalized.ohlcv_1m
    WHERE source_topic IS NULL AND open_time >= :rows_from
    GROUP BY source_partition
)
SELECT derived.*
FROM intermediate.int_bars_of_trades AS derived
LEFT JOIN believed ON believed.symbol = derived.symbol AND believed.open_time = derived.open_time
LEFT JOIN closed ON closed.source_partition = derived.source_partition
WHERE (believed.symbol IS NULL AND (derived.source_topic IS NOT NULL OR derived.open_time < closed.newest))
    OR (
        (believed.source_topic IS NULL OR derived.trades_of_venue > believed.trades)
        AND (
            derived.open <> believed.open
            OR derived.high <> believed.high
            OR derived.low <> believed.low
            OR derived.close <> believed.close
            OR derived.volume <> believed.volume
            OR derived.quote_volume <> believed.quote_volume
            OR derived.trades <> believed.trades
            OR derived.taker_buy_volume <> believed.taker_buy_volume
            OR derived.taker_buy_quote_volume <> believed.taker_buy_quote_volume
        )
    )

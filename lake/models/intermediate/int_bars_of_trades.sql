WITH copies AS (
    SELECT
        trades.*,
        row_number() OVER (PARTITION BY symbol, kind, trade_id ORDER BY published_at, source_offset) AS copy
    FROM normalized.trades AS trades
    WHERE trade_time >= :rows_from AND trade_time < :until
),
bars AS (
    SELECT
        symbol,
        date_trunc('minute', trade_time) AS open_time,
        kind,
        first_value(price ORDER BY trade_id) AS open,
        max(price) AS high,
        min(price) AS low,
        last_value(price ORDER BY trade_id) AS close,
        sum(quantity) AS volume,
        sum(price * quantity) AS quote_volume,
        count(*) AS trades,
        coalesce(sum(quantity) FILTER (WHERE taker_side = 'buy'), 0) AS taker_buy_volume,
        coalesce(sum(price * quantity) FILTER (WHERE taker_side = 'buy'), 0) AS taker_buy_quote_volume,
        last_value(event_time ORDER BY trade_id) AS event_time,
        last_value(received_at ORDER BY trade_id) AS received_at,
        max(published_at) AS last_published,
        last_value(source_partition ORDER BY published_at, source_offset) AS source_partition,
        last_value(source_offset ORDER BY published_at, source_offset) AS source_offset,
        last_value(source_topic ORDER BY published_at, source_offset) AS source_topic,
        min(coalesce(first_trade_id, trade_id)) AS first_trade_id,
        max(coalesce(last_trade_id, trade_id)) AS last_trade_id,
        sum(coalesce(last_trade_id - first_trade_id, 0) + 1) AS trades_of_venue
    FROM copies
    WHERE copy = 1
    GROUP BY 1, 2, 3
),
kinds AS (
    SELECT
        bars.*,
        row_number() OVER (PARTITION BY symbol, open_time ORDER BY trades_of_venue DESC, kind DESC) AS rank
    FROM bars
)
SELECT
    symbol, open_time, open_time + INTERVAL '1 minute' AS close_time,
    open, high, low, close, volume, quote_volume,
    CAST(quote_volume AS DOUBLE) / CAST(volume AS DOUBLE) AS vwap,
    trades, taker_buy_volume, taker_buy_quote_volume, event_time, received_at, last_published,
    source_partition, source_offset, source_topic, first_trade_id, last_trade_id, trades_of_venue
FROM kinds
WHERE rank = 1 AND volume > 0

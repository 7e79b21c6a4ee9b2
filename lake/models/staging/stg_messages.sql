SELECT topic, partition, "offset", symbol, received_at, event_time
FROM raw.orderbook_diffs
WHERE symbol IS NOT NULL AND received_at >= :reads_from AND received_at < :until
UNION ALL
SELECT topic, partition, "offset", symbol, received_at, event_time
FROM raw.trades
WHERE symbol IS NOT NULL AND received_at >= :reads_from AND received_at < :until

SELECT symbol, kind, received_at
FROM ops.feed_events
WHERE symbol IS NOT NULL AND kind IN ('gap', 'resync') AND received_at >= :rows_from AND received_at < :until

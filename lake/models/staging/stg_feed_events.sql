SELECT symbol, kind, received_at
FROM ops.feed_events
WHERE symbol IS NOT NULL AND kind IN ('gap', 'resync') AND received_at >= :reads_from AND received_at < :until

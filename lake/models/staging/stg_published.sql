SELECT symbol, event_time, received_at, published_at
FROM normalized.book_ticker
WHERE received_at >= :rows_from AND received_at < :until
UNION ALL
SELECT symbol, event_time, received_at, published_at
FROM normalized.trades
WHERE received_at >= :rows_from AND received_at < :until

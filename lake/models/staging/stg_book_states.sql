SELECT
    symbol, event_time AS since, update_id, true AS live,
    spread_bps, imbalance_5 AS imbalance, microprice,
    bid_depth_5bps, bid_depth_10bps, bid_depth_25bps, ask_depth_5bps, ask_depth_10bps, ask_depth_25bps
FROM normalized.book_ticker
WHERE event_time >= :reads_from AND event_time < :until
UNION ALL
SELECT
    symbol, to_timestamp_micros(CAST(received_at AS BIGINT) - not_live_ns / 1000) AS since, 0 AS update_id, false AS live,
    NULL AS spread_bps, NULL AS imbalance, NULL AS microprice,
    NULL AS bid_depth_5bps, NULL AS bid_depth_10bps, NULL AS bid_depth_25bps,
    NULL AS ask_depth_5bps, NULL AS ask_depth_10bps, NULL AS ask_depth_25bps
FROM ops.feed_events
WHERE kind = 'resync' AND symbol IS NOT NULL AND not_live_ns IS NOT NULL AND received_at >= :reads_from

SELECT
    symbol, open_time, close_time, open, high, low, close,
    volume, quote_volume, vwap, trades, taker_buy_volume, taker_buy_quote_volume,
    sys_from, bar_key
FROM normalized.ohlcv_1m
WHERE is_current AND open_time >= :reads_from AND open_time < :until

-- mart, last hour, one symbol
SELECT open_time, open, high, low, close, volume, trades FROM marts.mart_ohlcv
WHERE symbol = 'SYM07USDT' AND open_time >= TIMESTAMP '{last_hour}' ORDER BY open_time;
-- book_ticker, one symbol, one minute
SELECT count(*), avg(spread_bps), min(bid), max(ask) FROM normalized.book_ticker
WHERE symbol = 'SYM07USDT' AND event_time >= TIMESTAMP '{minute}' AND event_time < TIMESTAMP '{minute_end}';
-- book_ticker, rows of one symbol and minute
SELECT event_time, bid, ask, microprice FROM normalized.book_ticker
WHERE symbol = 'SYM07USDT' AND event_time >= TIMESTAMP '{minute}' AND event_time < TIMESTAMP '{minute_end}'
ORDER BY event_time LIMIT 100;
-- book_ticker, a day grouped by symbol
SELECT symbol, count(*), avg(spread_bps), max(mid) FROM normalized.book_ticker
WHERE event_time >= TIMESTAMP '{day}' AND event_time < TIMESTAMP '{day_end}' GROUP BY symbol ORDER BY symbol;
-- book_ticker, all rows counted
SELECT count(*) FROM normalized.book_ticker;

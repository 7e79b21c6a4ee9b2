SELECT
    symbol, open_time, close_time, open, high, low, close,
    volume, quote_volume, vwap, trades, taker_buy_volume, taker_buy_quote_volume,
    simple_return, log_return,
    CASE WHEN first_in_reach <= open_time - INTERVAL '30 minutes'
        THEN sqrt(CAST(squares_30m AS DOUBLE) * 525600 / 30) END AS realised_volatility_30m,
    CASE WHEN first_in_reach <= open_time - INTERVAL '60 minutes'
        THEN sqrt(CAST(squares_60m AS DOUBLE) * 525600 / 60) END AS realised_volatility_60m,
    sys_from, bar_key
FROM (
    SELECT
        returns.*,
        min(open_time) OVER (
            PARTITION BY symbol ORDER BY open_time RANGE BETWEEN INTERVAL '65 minutes' PRECEDING AND CURRENT ROW
        ) AS first_in_reach,
        sum(CAST(log_return * log_return AS DECIMAL(28, 20))) OVER (
            PARTITION BY symbol ORDER BY open_time RANGE BETWEEN INTERVAL '29 minutes' PRECEDING AND CURRENT ROW
        ) AS squares_30m,
        sum(CAST(log_return * log_return AS DECIMAL(28, 20))) OVER (
            PARTITION BY symbol ORDER BY open_time RANGE BETWEEN INTERVAL '59 minutes' PRECEDING AND CURRENT ROW
        ) AS squares_60m
    FROM intermediate.int_returns AS returns
)
WHERE open_time >= :rows_from AND open_time < :until

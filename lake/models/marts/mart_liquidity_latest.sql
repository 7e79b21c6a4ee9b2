SELECT liquidity.*
FROM marts.mart_liquidity AS liquidity
JOIN (SELECT symbol, max(minute) AS minute FROM marts.mart_liquidity GROUP BY symbol) AS newest
    ON newest.symbol = liquidity.symbol AND newest.minute = liquidity.minute

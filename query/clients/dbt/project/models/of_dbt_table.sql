{{ config(materialized='table') }}
select symbol, count(*) as trades, max(price) as highest
from depthlake.normalized.trades
group by symbol

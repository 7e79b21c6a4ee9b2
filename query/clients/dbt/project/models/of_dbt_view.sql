{{ config(materialized='view') }}
select symbol, trades from {{ ref('of_dbt_table') }} where trades > 0

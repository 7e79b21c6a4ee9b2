//! The venue's `exchangeInfo`: its limits, and the grid and status of each symbol.

use serde_json::{Value, json};

use super::config::Limits;
use super::listing::Listing;
use super::numbers::decimal;
use crate::product::Product;

const LARGEST: &str = "9000000000.00000000";

/// The whole answer, of the symbols whose entries are given.
pub(super) fn whole(product: Product, limits: &Limits, entries: &[Value], server_time: i64) -> Value {
    let mut info = json!({
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": rate_limits(product, limits),
        "exchangeFilters": [],
        "symbols": entries,
    });
    let futures_type = match product {
        Product::Spot => None,
        Product::UsdM => Some("U_MARGINED"),
        Product::CoinM => Some("C_MARGINED"),
    };
    if let (Some(futures_type), Some(fields)) = (futures_type, info.as_object_mut()) {
        fields.insert("futuresType".to_owned(), Value::from(futures_type));
    }
    info
}

/// One symbol's entry.
pub(super) fn entry(product: Product, listing: &Listing) -> Value {
    let price = |units: i64| decimal(i128::from(units), listing.price_scale, listing.price_decimals);
    let quantity = |units: i64| decimal(i128::from(units), listing.quantity_scale, listing.quantity_decimals);
    let (tick, lot) = (price(listing.tick_units), quantity(listing.lot_units));
    let filters = json!([
        { "filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": LARGEST, "tickSize": tick },
        { "filterType": "LOT_SIZE", "minQty": lot, "maxQty": LARGEST, "stepSize": lot },
    ]);
    let status = listing.status.name();
    match product {
        Product::Spot => json!({
            "symbol": listing.symbol,
            "status": status,
            "baseAsset": listing.base,
            "baseAssetPrecision": 8,
            "quoteAsset": listing.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": true,
            "isSpotTradingAllowed": true,
            "isMarginTradingAllowed": false,
            "filters": filters,
            "permissions": [],
            "permissionSets": [["SPOT"]],
        }),
        Product::UsdM | Product::CoinM => {
            let status_field = if product == Product::UsdM { "status" } else { "contractStatus" };
            json!({
                "symbol": listing.symbol,
                "pair": listing.pair,
                "contractType": "PERPETUAL",
                status_field: status,
                "baseAsset": listing.base,
                "quoteAsset": listing.quote,
                "marginAsset": if product == Product::UsdM { &listing.quote } else { &listing.base },
                "pricePrecision": listing.price_decimals,
                "quantityPrecision": listing.quantity_decimals,
                "baseAssetPrecision": 8,
                "quotePrecision": 8,
                "underlyingType": "COIN",
                "orderTypes": ["LIMIT", "MARKET"],
                "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
                "filters": filters,
            })
        }
    }
}

fn rate_limits(product: Product, limits: &Limits) -> Value {
    let mut rate_limits = vec![json!({
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": limits.request_weight,
    })];
    if product == Product::Spot {
        rate_limits.push(json!({
            "rateLimitType": "RAW_REQUESTS",
            "interval": "MINUTE",
            "intervalNum": 5,
            "limit": 61_000,
        }));
    }
    Value::from(rate_limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::spec::market_for;
    use crate::wire::decode_instrument;

    #[test]
    fn entries_are_what_clients_read() {
        for (symbol, product, decimals) in [
            ("BTCUSDT", Product::Spot, (2, 5)),
            ("BTCUSDT", Product::UsdM, (2, 5)),
            ("BTCUSD_PERP", Product::CoinM, (1, 0)),
        ] {
            let listing = Listing::of(&market_for(symbol).unwrap(), product);
            let instrument = decode_instrument(entry(product, &listing).to_string().as_bytes()).unwrap();
            assert_eq!(instrument.symbol.as_str(), symbol);
            assert_eq!((instrument.price_scale.decimals(), instrument.quantity_scale.decimals()), decimals);
        }
    }
}

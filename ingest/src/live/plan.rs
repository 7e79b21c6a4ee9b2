//! Which streams go over which connection.

use depthlake_orderbook::symbol::Symbol;

use super::Endpoints;
use crate::product::Product;

/// One connection: where it goes and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConnectionPlan {
    pub(super) url: String,
    pub(super) symbols: Vec<Symbol>,
    pub(super) streams: Vec<String>,
    pub(super) cargo: Cargo,
}

/// What a connection carries of its symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cargo {
    Everything,
    Books,
    Trades,
}

/// As few connections as the venue's limits and addresses allow; all streams of one kind of a symbol share one.
pub(super) fn plan(product: Product, endpoints: &Endpoints, symbols: &[Symbol]) -> Vec<ConnectionPlan> {
    let cargoes: &[(Cargo, &str)] = match &endpoints.trades_websocket {
        None => &[(Cargo::Everything, &endpoints.websocket)],
        Some(trades) => &[(Cargo::Books, &endpoints.websocket), (Cargo::Trades, trades)],
    };
    let mut plans = Vec::new();
    for (cargo, base) in cargoes {
        let kinds = kinds(*cargo, product);
        for symbols in symbols.chunks(most_streams(product) / kinds.len()) {
            plans.push(ConnectionPlan {
                url: format!("{}/stream", base.trim_end_matches('/')),
                symbols: symbols.to_vec(),
                streams: symbols.iter().flat_map(|symbol| streams(*symbol, &kinds)).collect(),
                cargo: *cargo,
            });
        }
    }
    plans
}

fn kinds(cargo: Cargo, product: Product) -> Vec<&'static str> {
    let trades = product.trade_stream();
    match cargo {
        Cargo::Everything => vec!["depth@100ms", "bookTicker", trades],
        Cargo::Books => vec!["depth@100ms", "bookTicker"],
        Cargo::Trades => vec![trades],
    }
}

fn streams(symbol: Symbol, kinds: &[&str]) -> impl Iterator<Item = String> {
    let symbol = symbol.as_str().to_ascii_lowercase();
    kinds.iter().map(move |kind| format!("{symbol}@{kind}"))
}

/// The streams a connection may have. COIN-M documents fewer than the others.
const fn most_streams(product: Product) -> usize {
    match product {
        Product::Spot | Product::UsdM => 1024,
        Product::CoinM => 200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(count: usize) -> Vec<Symbol> {
        (0..count).map(|number| Symbol::new(&format!("S{number}USDT")).unwrap()).collect()
    }

    fn endpoints(trades: Option<&str>) -> Endpoints {
        Endpoints {
            websocket: "ws://host:1/".to_owned(),
            trades_websocket: trades.map(str::to_owned),
            rest: String::new(),
        }
    }

    #[test]
    fn fifty_pairs_need_one_connection() {
        let plans = plan(Product::Spot, &endpoints(None), &symbols(50));
        let [plan] = plans.as_slice() else { panic!("{} connections", plans.len()) };
        assert_eq!(plan.url, "ws://host:1/stream");
        assert_eq!(plan.streams.len(), 150);
        assert_eq!(plan.streams[..3], ["s0usdt@depth@100ms", "s0usdt@bookTicker", "s0usdt@trade"]);
    }

    #[test]
    fn no_connection_has_more_streams_than_allowed_and_no_symbol_is_left_out() {
        for (product, most) in [(Product::Spot, 1024), (Product::CoinM, 200)] {
            let all = symbols(700);
            let plans = plan(product, &endpoints(None), &all);
            assert!(plans.iter().all(|plan| plan.streams.len() <= most));
            assert_eq!(plans.iter().flat_map(|plan| plan.symbols.clone()).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn trades_of_another_address_have_a_connection_of_their_own() {
        let plans = plan(Product::UsdM, &endpoints(Some("ws://other")), &symbols(1));
        let streams: Vec<_> = plans.iter().map(|plan| (plan.url.as_str(), plan.streams.clone())).collect();
        let books = vec!["s0usdt@depth@100ms".to_owned(), "s0usdt@bookTicker".to_owned()];
        let trades = vec!["s0usdt@aggTrade".to_owned()];
        assert_eq!(streams, [("ws://host:1/stream", books), ("ws://other/stream", trades)]);
    }
}

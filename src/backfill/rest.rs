//! Bars from the venue's REST interface, a page after the other.

use anyhow::{Context, Result, bail};
use depthlake_engine::clock;
use depthlake_ingest::history::{derive, sha256};
use depthlake_ingest::live::{KlineAnswer, KlineClient, KlinePage};
use depthlake_ingest::product::Product;
use depthlake_lake::history::{DerivedChunk, Historian};
use depthlake_orderbook::history::{Chunk, ChunkKind, Source};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use tokio::sync::mpsc;

use super::UNDER_WAY;
use super::landing::{self, Brought};
use super::progress::Progress;
use super::summary::Summary;

/// Answers that wait for a commit.
const WAITING: usize = 8;

/// Lands the bars of `symbols` that begin from `from` on and before `to`. A page that is in the lake is not asked for again.
pub async fn land(
    historian: Historian,
    base: &str,
    product: Product,
    symbols: &[Symbol],
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<Summary> {
    let latest = i64::try_from(UNDER_WAY.as_nanos()).unwrap_or(i64::MAX);
    let latest = Timestamp(clock::now().0.saturating_sub(latest)).minute();
    let to = to.unwrap_or(latest).min(latest);
    if from >= to {
        bail!("there are no minutes to land between --from and --to, which is ten minutes ago at the latest");
    }
    let pages: Vec<_> = symbols.iter().flat_map(|symbol| KlinePage::of_span(*symbol, from, to)).collect();
    let client = KlineClient::new(base, product).context("the HTTP client cannot be set up")?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let progress = Progress::new(pages.len() as u64);
    let asking = ask(client, pages, historian.clone(), sender);
    let (summary, ()) = tokio::join!(landing::land(historian, receiver, progress), asking);
    summary
}

/// Asks for the pages that are not landed, in their order.
async fn ask(mut client: KlineClient, pages: Vec<KlinePage>, landed: Historian, to: mpsc::Sender<Brought>) {
    for page in pages {
        let address = client.address(&page);
        let mut source = Source { name: address, member: String::new(), sha256: String::new() };
        let brought = if landed.next_line(&source) > 1 {
            [Some(Brought::Skipped { amount: 1 }), None]
        } else {
            match client.fetch(&page).await {
                Ok(KlineAnswer { payload, received }) => {
                    // Reading from memory cannot fail.
                    source.sha256 = sha256(&mut &payload[..]).unwrap_or_default();
                    let chunk = Chunk {
                        kind: ChunkKind::KlinesAnswer,
                        symbol: page.symbol,
                        source,
                        first_line: 1,
                        lines: 1,
                        columns: String::new(),
                        received,
                        payload: payload.to_vec(),
                    };
                    let records = derive(&chunk);
                    let derived = DerivedChunk { chunk, records };
                    [Some(Brought::Chunk { derived, amount: 1 }), Some(Brought::Used)]
                }
                Err(error) => {
                    let error = anyhow::Error::new(error).context(source.name);
                    [Some(Brought::Failed { error, amount: 1 }), None]
                }
            }
        };
        for brought in brought.into_iter().flatten() {
            if to.send(brought).await.is_err() {
                return;
            }
        }
    }
}

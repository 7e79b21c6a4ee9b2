//! Copies of whole books, for those who ask for more levels than the board shows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use depthlake_engine::depth::{DepthBook, DepthError};
use depthlake_orderbook::symbol::Symbol;

use crate::live::{Board, Market};

/// The copies of the books of one board, made when they are first asked for and brought forward whenever they are.
#[derive(Debug, Default)]
pub(crate) struct FullDepth {
    copies: ArcSwapOption<Copies>,
}

#[derive(Debug)]
struct Copies {
    board: Arc<Board>,
    books: HashMap<Symbol, Mutex<Option<DepthBook>>>,
}

/// Why there is no copy.
#[derive(Debug)]
pub(crate) enum NoDepth {
    /// Nobody shows whole books here.
    Nowhere,
    UnknownSymbol,
    Failed(DepthError),
}

impl FullDepth {
    /// Lets `look` see the whole book of a symbol as it is now. Those who ask for the same symbol at once take turns;
    /// O(levels changed since the last), and O(levels of the book) the first time.
    pub(crate) fn with<T>(
        &self,
        market: &Market,
        symbol: Symbol,
        look: impl FnOnce(&DepthBook) -> T,
    ) -> Result<T, NoDepth> {
        let copies = self.copies_of(market)?;
        let reader = copies.board.depth().ok_or(NoDepth::Nowhere)?;
        let place = copies.books.get(&symbol).ok_or(NoDepth::UnknownSymbol)?;
        let mut copy = place.lock().unwrap_or_else(PoisonError::into_inner);
        let book = match &mut *copy {
            Some(book) => {
                book.refresh().map_err(NoDepth::Failed)?;
                book
            }
            none => none.insert(reader.copy(symbol).map_err(NoDepth::Failed)?),
        };
        Ok(look(book))
    }

    /// The copies of the board that is current; those of another writer's are forgotten.
    fn copies_of(&self, market: &Market) -> Result<Arc<Copies>, NoDepth> {
        let board = market.board().ok_or(NoDepth::Nowhere)?;
        if let Some(copies) = self.copies.load_full().filter(|copies| Arc::ptr_eq(&copies.board, &board)) {
            return Ok(copies);
        }
        let books = board.symbols().iter().map(|&symbol| (symbol, Mutex::default())).collect();
        let copies = Arc::new(Copies { board, books });
        self.copies.store(Some(Arc::clone(&copies)));
        Ok(copies)
    }
}

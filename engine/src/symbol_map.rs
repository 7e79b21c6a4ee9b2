//! A map by symbol: found by hash, walked in the order of symbols.

use std::collections::HashMap;

use depthlake_orderbook::symbol::Symbol;
use rustc_hash::FxBuildHasher;

/// Finding costs a few nanoseconds; inserting, which happens once a symbol, O(symbols).
#[derive(Debug, Clone)]
pub(crate) struct SymbolMap<T> {
    /// In the order of symbols.
    entries: Vec<(Symbol, T)>,
    places: HashMap<Symbol, usize, FxBuildHasher>,
}

impl<T> Default for SymbolMap<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: HashMap::default() }
    }
}

impl<T> SymbolMap<T> {
    #[inline]
    pub(crate) fn get(&self, symbol: Symbol) -> Option<&T> {
        self.places.get(&symbol).map(|&place| &self.entries[place].1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, symbol: Symbol) -> Option<&mut T> {
        self.places.get(&symbol).map(|&place| &mut self.entries[place].1)
    }

    /// Puts `value` in the place of the one there, if any.
    pub(crate) fn insert(&mut self, symbol: Symbol, value: T) {
        match self.entries.binary_search_by_key(&symbol, |&(known, _)| known) {
            Ok(place) => self.entries[place].1 = value,
            Err(place) => {
                self.entries.insert(place, (symbol, value));
                self.places =
                    self.entries.iter().enumerate().map(|(place, &(symbol, _))| (symbol, place)).collect();
            }
        }
    }

    /// In the order of symbols.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Symbol, &T)> {
        self.entries.iter().map(|(symbol, value)| (*symbol, value))
    }

    /// In the order of symbols.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// In the order of symbols.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, value)| value)
    }
}

impl<T> FromIterator<(Symbol, T)> for SymbolMap<T> {
    fn from_iter<I: IntoIterator<Item = (Symbol, T)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (symbol, value) in entries {
            map.insert(symbol, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_found_and_walked_in_order() {
        let symbol = |text| Symbol::new(text).unwrap();
        let mut map: SymbolMap<u8> =
            [(symbol("B"), 2), (symbol("C"), 3), (symbol("A"), 1)].into_iter().collect();
        map.insert(symbol("B"), 5);
        assert_eq!(map.get(symbol("B")), Some(&5));
        assert_eq!(map.get(symbol("D")), None);
        for value in map.values_mut() {
            *value += 1;
        }
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [2, 6, 4]);
        assert_eq!(map.iter().map(|(symbol, _)| symbol.to_string()).collect::<String>(), "ABC");
    }
}

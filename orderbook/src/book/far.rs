//! The levels outside the window: sorted chunks of up to 32 levels, in the order of their keys.
//!
//! A map with two levels: the places of the chunks lie together and are searched first, then the keys of one chunk, so
//! that finding a level misses the cache about twice however many there are. Chunks are taken from and given back to a
//! pool, so that nothing is allocated while a side keeps to [`Far::RESERVED`] chunks, at least some 3,000 levels.
//!
//! Invariants: the keys of a chunk ascend, and those of one chunk are below those of the next; no chunk in use is empty.

const CHUNK_LEVELS: usize = 32;
const QUARTER: usize = CHUNK_LEVELS / 4;

#[derive(Clone)]
pub(super) struct Far {
    chunks: Vec<Chunk>,
    unused: Vec<u32>,
    places: Vec<Place>,
    count: usize,
}

#[derive(Clone)]
struct Chunk {
    count: usize,
    keys: [i64; CHUNK_LEVELS],
    quantities: [i64; CHUNK_LEVELS],
}

#[derive(Clone, Copy)]
struct Place {
    /// The chunk's least key.
    first: i64,
    chunk: u32,
}

/// The levels from some key on, in ascending order of keys.
pub(super) struct FarLevels<'a> {
    far: &'a Far,
    place: usize,
    index: usize,
}

impl Far {
    const RESERVED: usize = 256;

    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::with_capacity(Self::RESERVED),
            unused: Vec::with_capacity(Self::RESERVED),
            places: Vec::with_capacity(Self::RESERVED),
            count: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The least key.
    #[inline]
    pub(super) fn first(&self) -> Option<i64> {
        self.places.first().map(|place| place.first)
    }

    pub(super) fn get(&self, key: i64) -> i64 {
        let Some(place) = self.place_of(key) else { return 0 };
        self.chunk(place).find(key).map_or(0, |index| self.chunk(place).quantities[index])
    }

    /// Sets the quantity at `key`, zero to remove the level, and returns the one before.
    pub(super) fn set(&mut self, key: i64, quantity: i64) -> i64 {
        let Some(place) = self.place_of(key).or_else(|| (!self.places.is_empty()).then_some(0)) else {
            if quantity != 0 {
                self.begin(key, quantity);
            }
            return 0;
        };
        let chunk = self.chunk_mut(place);
        match chunk.find(key) {
            Ok(index) if quantity == 0 => {
                let before = chunk.remove(index);
                self.removed(place);
                before
            }
            Ok(index) => std::mem::replace(&mut chunk.quantities[index], quantity),
            Err(_) if quantity == 0 => 0,
            Err(index) => {
                self.insert(place, index, key, quantity);
                0
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.unused.extend(self.places.drain(..).map(|place| place.chunk));
        self.count = 0;
    }

    pub(super) fn levels(&self) -> FarLevels<'_> {
        FarLevels { far: self, place: 0, index: 0 }
    }

    /// The levels from `key` on.
    pub(super) fn levels_from(&self, key: i64) -> FarLevels<'_> {
        let Some(place) = self.place_of(key) else { return self.levels() };
        let index = self.chunk(place).below(key);
        FarLevels { far: self, place, index }
    }

    /// The last place whose chunk begins at or before `key`.
    #[inline]
    fn place_of(&self, key: i64) -> Option<usize> {
        self.places.partition_point(|place| place.first <= key).checked_sub(1)
    }

    fn chunk(&self, place: usize) -> &Chunk {
        &self.chunks[self.places[place].chunk as usize]
    }

    fn chunk_mut(&mut self, place: usize) -> &mut Chunk {
        &mut self.chunks[self.places[place].chunk as usize]
    }

    /// Puts the first level of all.
    fn begin(&mut self, key: i64, quantity: i64) {
        let chunk = self.take_chunk();
        self.places.push(Place { first: key, chunk });
        self.chunk_mut(0).insert(0, key, quantity);
        self.count = 1;
    }

    fn insert(&mut self, mut place: usize, mut index: usize, key: i64, quantity: i64) {
        if self.chunk(place).count == CHUNK_LEVELS {
            self.split(place);
            let kept = self.chunk(place).count;
            if index > kept {
                place += 1;
                index -= kept;
            }
        }
        self.chunk_mut(place).insert(index, key, quantity);
        if index == 0 {
            self.places[place].first = key;
        }
        self.count += 1;
    }

    /// Moves the upper half of a chunk to a new one.
    fn split(&mut self, place: usize) {
        let new = self.take_chunk();
        let upper = self.chunk_mut(place).split_off();
        let first = upper.keys[0];
        self.chunks[new as usize] = upper;
        self.places.insert(place + 1, Place { first, chunk: new });
    }

    fn removed(&mut self, place: usize) {
        self.count -= 1;
        let (count, first) = (self.chunk(place).count, self.chunk(place).keys[0]);
        if count == 0 {
            self.unused.push(self.places.remove(place).chunk);
            return;
        }
        self.places[place].first = first;
        if count <= CHUNK_LEVELS / 2 {
            self.join(place);
            self.join(place.wrapping_sub(1));
        }
    }

    /// Makes one chunk of a chunk and the next, where they fill no more than three quarters: thin chunks waste memory.
    fn join(&mut self, place: usize) {
        let Some(next) = place.checked_add(1).and_then(|next| self.places.get(next)) else { return };
        let taken = self.chunks[next.chunk as usize].clone();
        if self.chunk(place).count + taken.count <= 3 * QUARTER {
            self.chunk_mut(place).append(&taken);
            self.unused.push(self.places.remove(place + 1).chunk);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "2³² chunks are more than memory holds")]
    fn take_chunk(&mut self) -> u32 {
        if let Some(chunk) = self.unused.pop() {
            self.chunks[chunk as usize].clear();
            return chunk;
        }
        self.chunks.push(Chunk::EMPTY);
        self.chunks.len() as u32 - 1
    }
}

impl Chunk {
    const EMPTY: Self = Self { count: 0, keys: [i64::MAX; CHUNK_LEVELS], quantities: [0; CHUNK_LEVELS] };

    /// How many keys are below `key`: first the quarter is found, then all of its keys are looked at. That is quicker than
    /// halving, where every step waits for the one before.
    #[inline]
    fn below(&self, key: i64) -> usize {
        let ends = [QUARTER - 1, 2 * QUARTER - 1, 3 * QUARTER - 1];
        let passed: usize = ends.into_iter().map(|last| usize::from(self.keys[last] < key)).sum();
        let first = passed * QUARTER;
        let within = self.keys.iter().skip(first).take(QUARTER);
        let below = first + within.map(|&other| usize::from(other < key)).sum::<usize>();
        below.min(self.count)
    }

    /// The index of `key`, or where it belongs.
    #[inline]
    fn find(&self, key: i64) -> Result<usize, usize> {
        let index = self.below(key);
        if index < self.count && self.keys[index] == key { Ok(index) } else { Err(index) }
    }

    fn clear(&mut self) {
        self.keys.fill(i64::MAX);
        self.count = 0;
    }

    fn insert(&mut self, index: usize, key: i64, quantity: i64) {
        self.keys.copy_within(index..self.count, index + 1);
        self.quantities.copy_within(index..self.count, index + 1);
        self.keys[index] = key;
        self.quantities[index] = quantity;
        self.count += 1;
    }

    fn append(&mut self, next: &Self) {
        let end = self.count + next.count;
        self.keys[self.count..end].copy_from_slice(next.keys());
        self.quantities[self.count..end].copy_from_slice(&next.quantities[..next.count]);
        self.count = end;
    }

    fn keys(&self) -> &[i64] {
        &self.keys[..self.count]
    }

    fn remove(&mut self, index: usize) -> i64 {
        let quantity = self.quantities[index];
        self.keys.copy_within(index + 1..self.count, index);
        self.quantities.copy_within(index + 1..self.count, index);
        self.count -= 1;
        self.keys[self.count] = i64::MAX;
        quantity
    }

    fn split_off(&mut self) -> Self {
        let kept = self.count / 2;
        let mut upper = Self::EMPTY;
        upper.count = self.count - kept;
        upper.keys[..upper.count].copy_from_slice(&self.keys[kept..self.count]);
        upper.quantities[..upper.count].copy_from_slice(&self.quantities[kept..self.count]);
        self.keys[kept..].fill(i64::MAX);
        self.count = kept;
        upper
    }
}

impl Iterator for FarLevels<'_> {
    type Item = (i64, i64);

    fn next(&mut self) -> Option<(i64, i64)> {
        loop {
            let place = self.far.places.get(self.place)?;
            let chunk = &self.far.chunks[place.chunk as usize];
            if self.index < chunk.count {
                let level = (chunk.keys[self.index], chunk.quantities[self.index]);
                self.index += 1;
                return Some(level);
            }
            self.place += 1;
            self.index = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_an_ordered_map(
            changes in prop::collection::vec((-400..400_i64, prop_oneof![1 => Just(0), 2 => 1..9_i64]), 1..3_000),
            from in -500..500_i64,
        ) {
            let (mut far, mut twin) = (Far::new(), BTreeMap::new());
            for (key, quantity) in changes {
                let before = if quantity == 0 { twin.remove(&key) } else { twin.insert(key, quantity) };
                prop_assert_eq!(far.set(key, quantity), before.unwrap_or(0));
                prop_assert_eq!(far.get(key), quantity);
                prop_assert_eq!((far.len(), far.first()), (twin.len(), twin.keys().next().copied()));
            }
            let of = |levels: std::collections::btree_map::Range<'_, i64, i64>| {
                levels.map(|(&key, &quantity)| (key, quantity)).collect::<Vec<_>>()
            };
            prop_assert_eq!(far.levels().collect::<Vec<_>>(), of(twin.range(..)));
            prop_assert_eq!(far.levels_from(from).collect::<Vec<_>>(), of(twin.range(from..)));
        }

        #[test]
        fn after_clearing_it_is_as_new(
            before in prop::collection::btree_map(-400..400_i64, 1..9_i64, 0..300),
            after in prop::collection::btree_map(-400..400_i64, 1..9_i64, 0..300),
        ) {
            let mut far = Far::new();
            for (&key, &quantity) in &before {
                far.set(key, quantity);
            }
            far.clear();
            prop_assert_eq!((far.len(), far.levels().next()), (0, None));
            for (&key, &quantity) in &after {
                prop_assert_eq!(far.set(key, quantity), 0);
            }
            prop_assert!(far.levels().eq(after.iter().map(|(&key, &quantity)| (key, quantity))));
        }
    }
}

//! Records: what a journal and a base are made of.
//!
//! A record is a head, then its bids, then its asks, each level one entry. The head's words are, two an entry:
//!
//! | word | holds |
//! | --- | --- |
//! | 0 | from the lowest bit: 8 bits kind (1 whole book, 2 change), 8 bits state (0 waiting, 1 live, 2 resyncing, 3 stale, 4 halted), 24 bits number of bids, 24 bits number of asks |
//! | 1 | update id |
//! | 2 | event time |
//! | 3 | time of receipt |
//! | 4 | *whole book only:* epoch |
//! | 5 | *whole book only:* decimal places of prices in the lowest 8 bits, of quantities in the next 8 |
//! | 6 | *whole book only:* horizon of the bids, [`NO_PRICE`] where all are known |
//! | 7 | *whole book only:* horizon of the asks, [`NO_PRICE`] where all are known |
//!
//! A whole book replaces everything. A change sets the quantities at its levels; one without levels tells of a state.

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, UpdateId};
use depthlake_orderbook::time::Timestamp;

use crate::board::BoardState;

/// Two words of a head, or a level.
pub(super) type Words = [u64; 2];

/// The entries of a change's head.
pub(super) const CHANGE_HEAD: usize = 2;

/// The entries of a whole book's head.
pub(super) const WHOLE_HEAD: usize = 4;

/// A horizon that is not there.
pub const NO_PRICE: i64 = i64::MIN;

const WHOLE: u64 = 1;
const CHANGE: u64 = 2;
const STATE_SHIFT: u32 = 8;
const BIDS_SHIFT: u32 = 16;
const ASKS_SHIFT: u32 = 40;
const COUNT_MASK: u64 = (1 << 24) - 1;

/// What every record says of the book after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    pub state: BoardState,
    pub update_id: UpdateId,
    pub event_time: Timestamp,
    pub receive_time: Timestamp,
}

/// What stays the same until the next whole book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ground {
    pub epoch: u64,
    pub price_scale: Scale,
    pub quantity_scale: Scale,
    pub bid_horizon: Option<Price>,
    pub ask_horizon: Option<Price>,
}

/// A record as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub moment: Moment,
    /// Only of a whole book.
    pub ground: Option<Ground>,
    pub bids: &'a [Words],
    pub asks: &'a [Words],
}

/// A value that no writer of this layout writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage {
    pub field: &'static str,
    pub found: u64,
}

pub(super) fn change_head(moment: &Moment, bids: usize, asks: usize) -> [Words; CHANGE_HEAD] {
    moment_words(CHANGE, moment, bids, asks)
}

pub(super) fn whole_head(moment: &Moment, ground: &Ground, bids: usize, asks: usize) -> [Words; WHOLE_HEAD] {
    let [first, second] = moment_words(WHOLE, moment, bids, asks);
    let scales = u64::from(ground.price_scale.decimals()) | u64::from(ground.quantity_scale.decimals()) << 8;
    let horizon = |price: Option<Price>| price.map_or(NO_PRICE, |price| price.0).cast_unsigned();
    [first, second, [ground.epoch, scales], [horizon(ground.bid_horizon), horizon(ground.ask_horizon)]]
}

#[inline]
pub(super) const fn level_words(level: Level) -> Words {
    [level.price.0.cast_unsigned(), level.quantity.0.cast_unsigned()]
}

#[inline]
pub(super) const fn level(words: Words) -> Level {
    let [price, quantity] = words;
    Level { price: Price(price.cast_signed()), quantity: Quantity(quantity.cast_signed()) }
}

/// The entries of the record that begins with `word`.
pub(super) fn length(word: u64) -> usize {
    let head = if word & 0xff == WHOLE { WHOLE_HEAD } else { CHANGE_HEAD };
    head + count(word, BIDS_SHIFT) + count(word, ASKS_SHIFT)
}

/// The record that `entries` begin with, and what follows it.
pub(super) fn split(entries: &[Words]) -> Result<(Record<'_>, &[Words]), Damage> {
    let cut = Damage { field: "length of a record", found: entries.len() as u64 };
    let ([[first, update_id], [event_time, receive_time]], mut rest) =
        entries.split_first_chunk::<CHANGE_HEAD>().ok_or(cut)?;
    let moment = Moment {
        state: state(*first)?,
        update_id: UpdateId(*update_id),
        event_time: Timestamp(event_time.cast_signed()),
        receive_time: Timestamp(receive_time.cast_signed()),
    };
    let ground = match first & 0xff {
        CHANGE => None,
        WHOLE => {
            let (words, after) = rest.split_first_chunk().ok_or(cut)?;
            rest = after;
            Some(ground(words)?)
        }
        found => return Err(Damage { field: "kind of a record", found }),
    };
    let (bids, rest) = rest.split_at_checked(count(*first, BIDS_SHIFT)).ok_or(cut)?;
    let (asks, rest) = rest.split_at_checked(count(*first, ASKS_SHIFT)).ok_or(cut)?;
    Ok((Record { moment, ground, bids, asks }, rest))
}

fn moment_words(kind: u64, moment: &Moment, bids: usize, asks: usize) -> [Words; CHANGE_HEAD] {
    let counts = (bids as u64) << BIDS_SHIFT | (asks as u64) << ASKS_SHIFT;
    [
        [kind | state_code(moment.state) << STATE_SHIFT | counts, moment.update_id.0],
        [moment.event_time.0.cast_unsigned(), moment.receive_time.0.cast_unsigned()],
    ]
}

fn ground(words: &[Words; WHOLE_HEAD - CHANGE_HEAD]) -> Result<Ground, Damage> {
    let [[epoch, scales], [bid_horizon, ask_horizon]] = *words;
    let scale = |shift: u32| {
        let decimals = u8::try_from(scales >> shift & 0xff).ok().and_then(Scale::new);
        decimals.ok_or(Damage { field: "scales", found: scales })
    };
    let horizon = |word: u64| Some(Price(word.cast_signed())).filter(|price| price.0 != NO_PRICE);
    Ok(Ground {
        epoch,
        price_scale: scale(0)?,
        quantity_scale: scale(8)?,
        bid_horizon: horizon(bid_horizon),
        ask_horizon: horizon(ask_horizon),
    })
}

const fn count(word: u64, shift: u32) -> usize {
    (word >> shift & COUNT_MASK) as usize
}

const fn state_code(state: BoardState) -> u64 {
    match state {
        BoardState::Waiting => 0,
        BoardState::Live => 1,
        BoardState::Resyncing => 2,
        BoardState::Stale => 3,
        BoardState::Halted => 4,
    }
}

const fn state(word: u64) -> Result<BoardState, Damage> {
    match word >> STATE_SHIFT & 0xff {
        0 => Ok(BoardState::Waiting),
        1 => Ok(BoardState::Live),
        2 => Ok(BoardState::Resyncing),
        3 => Ok(BoardState::Stale),
        4 => Ok(BoardState::Halted),
        found => Err(Damage { field: "state", found }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments() -> impl Strategy<Value = Moment> {
        let states = prop::sample::select(vec![
            BoardState::Waiting,
            BoardState::Live,
            BoardState::Resyncing,
            BoardState::Stale,
            BoardState::Halted,
        ]);
        (states, any::<u64>(), any::<i64>(), any::<i64>()).prop_map(|(state, id, event, receive)| Moment {
            state,
            update_id: UpdateId(id),
            event_time: Timestamp(event),
            receive_time: Timestamp(receive),
        })
    }

    fn grounds() -> impl Strategy<Value = Ground> {
        let scales = (0..=8_u8).prop_map(|decimals| Scale::new(decimals).unwrap());
        let horizons = prop::option::of((NO_PRICE + 1..=i64::MAX).prop_map(Price));
        (any::<u64>(), scales.clone(), scales, horizons.clone(), horizons).prop_map(
            |(epoch, price_scale, quantity_scale, bid_horizon, ask_horizon)| Ground {
                epoch,
                price_scale,
                quantity_scale,
                bid_horizon,
                ask_horizon,
            },
        )
    }

    fn sides() -> impl Strategy<Value = Vec<Words>> {
        prop::collection::vec(any::<(i64, i64)>(), 0..20).prop_map(|levels| {
            let words =
                |(price, quantity)| level_words(Level { price: Price(price), quantity: Quantity(quantity) });
            levels.into_iter().map(words).collect()
        })
    }

    proptest! {
        #[test]
        fn records_are_read_as_they_were_written(
            moment in moments(), ground in prop::option::of(grounds()), bids in sides(), asks in sides(), rest in sides()
        ) {
            let mut entries = match &ground {
                Some(ground) => whole_head(&moment, ground, bids.len(), asks.len()).to_vec(),
                None => change_head(&moment, bids.len(), asks.len()).to_vec(),
            };
            entries.extend(bids.iter().chain(&asks));
            prop_assert_eq!(length(entries[0][0]), entries.len());
            entries.extend(&rest);
            let (record, after) = split(&entries).unwrap();
            prop_assert_eq!(record, Record { moment, ground, bids: &bids, asks: &asks });
            prop_assert_eq!(after, rest);
        }

        #[test]
        fn levels_are_read_as_they_were_written(price: i64, quantity: i64) {
            let written = Level { price: Price(price), quantity: Quantity(quantity) };
            prop_assert_eq!(level(level_words(written)), written);
        }

        #[test]
        fn any_words_give_a_record_or_damage(entries in prop::collection::vec(any::<Words>(), 0..9)) {
            if let Ok((record, rest)) = split(&entries) {
                let head = if record.ground.is_some() { WHOLE_HEAD } else { CHANGE_HEAD };
                prop_assert_eq!(head + record.bids.len() + record.asks.len() + rest.len(), entries.len());
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let good = change_head(&Moment::default(), 0, 0);
        let field = |word: u64| split(&[[word, 0], good[1]]).unwrap_err().field;
        assert_eq!(field(7), "kind of a record");
        assert_eq!(field(CHANGE | 9 << STATE_SHIFT), "state");
        assert_eq!(field(CHANGE | 1 << BIDS_SHIFT), "length of a record");
        assert_eq!(field(WHOLE), "length of a record");
    }
}

//! Functions of texts. Positions count characters from 1; negative ones count from the end.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringViewBuilder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::Result;
use std::sync::Arc;

use super::rows::{FromColumn, column, rows1, rows2, rows3};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

/// The name of the function that gives a pattern of `LIKE` the backslash as its escape.
pub(crate) const LIKE_PATTERN: &str = "$like_pattern";

/// How long a text may become.
const LONGEST: usize = 1 << 24;

pub(super) fn functions() -> Vec<Scalar> {
    let mut all = measures();
    all.extend(parts());
    all.extend(changes());
    all
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn measures() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "length",
            &["varchar -> bigint", "varbinary -> bigint"],
            "Characters of a text, bytes of binary",
            |arguments| {
                if column(arguments, 0)?.data_type().is_binary() {
                    return rows1(arguments, |bytes: &[u8]| Ok(Some(count(bytes.len()))));
                }
                rows1(arguments, |text: &str| Ok(Some(count(text.chars().count()))))
            },
        )
        .alias("char_length")
        .alias("character_length"),
        Scalar::new(
            "strpos",
            &["varchar, varchar -> bigint", "varchar, varchar, bigint -> bigint"],
            "Where a text first occurs in another, else 0",
            |arguments| {
                if arguments.columns.len() == 3 {
                    return rows3(arguments, |text: &str, part: &str, nth: i64| {
                        position(text, part, nth).map(Some)
                    });
                }
                rows2(arguments, |text: &str, part: &str| position(text, part, 1).map(Some))
            },
        )
        .alias("position"),
        Scalar::new(
            "starts_with",
            &["varchar, varchar -> boolean"],
            "Whether a text begins with another",
            |arguments| rows2(arguments, |text: &str, start: &str| Ok(Some(text.starts_with(start)))),
        ),
        Scalar::new(
            "ends_with",
            &["varchar, varchar -> boolean"],
            "Whether a text ends with another",
            |arguments| rows2(arguments, |text: &str, end: &str| Ok(Some(text.ends_with(end)))),
        ),
        Scalar::new(
            "codepoint",
            &["varchar -> integer"],
            "The code point of the only character",
            |arguments| {
                rows1(arguments, |text: &str| {
                    let mut characters = text.chars();
                    match (characters.next(), characters.next()) {
                        (Some(only), None) => Ok(i32::try_from(u32::from(only)).ok()),
                        _ => Err(invalid_argument("Input string must be a single character string")),
                    }
                })
            },
        ),
        Scalar::new(
            "levenshtein_distance",
            &["varchar, varchar -> bigint"],
            "The edits between two texts",
            |arguments| rows2(arguments, |left: &str, right: &str| Ok(Some(count(edits(left, right))))),
        ),
        Scalar::new(
            "hamming_distance",
            &["varchar, varchar -> bigint"],
            "The differing characters of two texts",
            |arguments| {
                rows2(arguments, |left: &str, right: &str| {
                    if left.chars().count() != right.chars().count() {
                        return Err(invalid_argument(
                            "The input strings to hamming_distance function must have the same length",
                        ));
                    }
                    Ok(Some(count(
                        left.chars().zip(right.chars()).filter(|(left, right)| left != right).count(),
                    )))
                })
            },
        ),
    ]
}

/// Where the nth occurrence begins; a negative n counts from the end.
fn position(text: &str, part: &str, nth: i64) -> Result<i64> {
    if nth == 0 {
        return Err(invalid_argument("'instance' must not be a positive or negative number."));
    }
    if part.is_empty() {
        return Ok(1);
    }
    let occurrence = usize::try_from(nth.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let starts = |from: usize| text.get(from..).and_then(|rest| rest.find(part)).map(|at| from + at);
    let step = part.chars().next().map_or(1, char::len_utf8);
    let mut all = std::iter::successors(starts(0), |at| starts(at + step));
    let found = if nth > 0 {
        all.nth(occurrence)
    } else {
        let all: Vec<usize> = all.collect();
        all.len().checked_sub(occurrence + 1).and_then(|index| all.get(index).copied())
    };
    Ok(found.and_then(|at| text.get(..at)).map_or(0, |before| count(before.chars().count()) + 1))
}

fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (index, (to, pair)) in right.iter().zip(previous.windows(2)).enumerate() {
            let replaced = pair[0] + usize::from(from != *to);
            current.push(replaced.min(pair[1] + 1).min(current[index] + 1));
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

fn parts() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "substr",
            &["varchar, bigint -> varchar", "varchar, bigint, bigint -> varchar"],
            "The text from a position, of at most a length",
            |arguments| {
                if arguments.columns.len() == 3 {
                    return rows3(arguments, |text: &str, from: i64, length: i64| {
                        Ok(Some(part_of(text, from, Some(length))))
                    });
                }
                rows2(arguments, |text: &str, from: i64| Ok(Some(part_of(text, from, None))))
            },
        )
        .alias("substring"),
        Scalar::new(
            "split_part",
            &["varchar, varchar, bigint -> varchar"],
            "The nth part between delimiters",
            |arguments| {
                rows3(arguments, |text: &str, delimiter: &str, index: i64| {
                    let index = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
                    let index = index.ok_or_else(|| invalid_argument("Index must be greater than zero"))?;
                    if delimiter.is_empty() {
                        return Ok(text.chars().nth(index).map(String::from));
                    }
                    Ok(text.split(delimiter).nth(index).map(str::to_owned))
                })
            },
        ),
        Scalar::new(
            "split",
            &["varchar, varchar -> array(varchar)", "varchar, varchar, bigint -> array(varchar)"],
            "The parts between delimiters, at most so many",
            split,
        ),
        Scalar::new("chr", &["bigint -> varchar"], "The character of a code point", |arguments| {
            rows1(arguments, |point: i64| {
                let character = u32::try_from(point).ok().and_then(char::from_u32);
                character
                    .map(|character| Some(character.to_string()))
                    .ok_or_else(|| invalid_argument(format!("Not a valid Unicode code point: {point}")))
            })
        }),
    ]
}

/// The characters from a position; none where there is no such position.
fn part_of(text: &str, from: i64, length: Option<i64>) -> String {
    let total = count(text.chars().count());
    let start = match from {
        0 => return String::new(),
        1.. => from - 1,
        _ => total + from,
    };
    if start < 0 || start >= total {
        return String::new();
    }
    let length = length.unwrap_or(total).max(0);
    let bounded = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    text.chars().skip(bounded(start)).take(bounded(length)).collect()
}

fn split(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let delimiters = <&str>::column(column(arguments, 1)?)?;
    let limits = arguments.columns.get(2).map(|limits| limits.as_primitive::<Int64Type>());
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for row in 0..arguments.rows {
        if texts.is_null(row) || delimiters.is_null(row) || limits.is_some_and(|limits| limits.is_null(row)) {
            lists.append_null();
            continue;
        }
        let limit = limits.map_or(i64::MAX, |limits| limits.value(row));
        if limit <= 0 {
            return Err(invalid_argument("The limit must be positive"));
        }
        let delimiter = delimiters.value(row);
        if delimiter.is_empty() {
            return Err(invalid_argument("The delimiter may not be the empty string"));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        texts.value(row).splitn(limit, delimiter).for_each(|part| lists.values().append_value(part));
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// A pattern of `LIKE` in which the backslash escapes, of one in which another character does, or none.
pub(crate) fn escaped_by_backslash(pattern: &str, escape: &str) -> Result<String> {
    let mut letters = escape.chars();
    let escape = match (letters.next(), letters.next()) {
        (escape, None) => escape,
        _ => return Err(invalid_argument("Escape string must be a single character")),
    };
    let mut escaped = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if Some(letter) == escape {
            let next = letters.next().filter(|next| matches!(next, '%' | '_') || Some(*next) == escape);
            let next = next.ok_or_else(|| {
                invalid_argument(
                    "Escape character must be followed by '%', '_' or the escape character itself",
                )
            })?;
            escaped.push('\\');
            escaped.push(next);
        } else {
            if letter == '\\' {
                escaped.push('\\');
            }
            escaped.push(letter);
        }
    }
    Ok(escaped)
}

fn changes() -> Vec<Scalar> {
    let of_text =
        |name, description, evaluate| Scalar::new(name, &["varchar -> varchar"], description, evaluate);
    vec![
        of_text("lower", "Small letters", |arguments| {
            rows1(arguments, |text: &str| Ok(Some(text.to_lowercase())))
        }),
        of_text("upper", "Capital letters", |arguments| {
            rows1(arguments, |text: &str| Ok(Some(text.to_uppercase())))
        }),
        Scalar::new(
            "lpad",
            &["varchar, bigint, varchar -> varchar"],
            "Padded at the left, or cut, to a length",
            |arguments| {
                rows3(arguments, |text: &str, size: i64, filling: &str| {
                    let (text, padding) = padded(text, size, filling)?;
                    Ok(Some(padding + &text))
                })
            },
        ),
        Scalar::new(
            "rpad",
            &["varchar, bigint, varchar -> varchar"],
            "Padded at the right, or cut, to a length",
            |arguments| {
                rows3(arguments, |text: &str, size: i64, filling: &str| {
                    let (text, padding) = padded(text, size, filling)?;
                    Ok(Some(text + &padding))
                })
            },
        ),
        Scalar::new(
            "replace",
            &["varchar, varchar -> varchar", "varchar, varchar, varchar -> varchar"],
            "Every occurrence of a text replaced by another, or removed",
            |arguments| {
                if arguments.columns.len() == 3 {
                    return rows3(arguments, |text: &str, from: &str, to: &str| {
                        bounded(text.replace(from, to)).map(Some)
                    });
                }
                rows2(arguments, |text: &str, from: &str| Ok(Some(text.replace(from, ""))))
            },
        ),
        Scalar::new(
            "translate",
            &["varchar, varchar, varchar -> varchar"],
            "Characters replaced by others",
            |arguments| {
                rows3(arguments, |text: &str, from: &str, to: &str| {
                    let to: Vec<char> = to.chars().collect();
                    let from: Vec<char> = from.chars().collect();
                    let translated = text.chars().filter_map(|character| {
                        match from.iter().position(|known| *known == character) {
                            Some(index) => to.get(index).copied(),
                            None => Some(character),
                        }
                    });
                    Ok(Some(translated.collect::<String>()))
                })
            },
        ),
        Scalar::new(
            LIKE_PATTERN,
            &["varchar, varchar -> varchar"],
            "A pattern escaped by backslashes",
            |arguments| {
                rows2(arguments, |pattern: &str, escape: &str| {
                    escaped_by_backslash(pattern, escape).map(Some)
                })
            },
        ),
        Scalar::new(
            "soundex",
            &["varchar -> varchar"],
            "The sound of a name, as a letter and three digits",
            |arguments| rows1(arguments, |text: &str| Ok(Some(soundex(text)))),
        ),
    ]
}

fn bounded(text: String) -> Result<String> {
    if text.len() > LONGEST { Err(invalid_argument("the text becomes too long")) } else { Ok(text) }
}

/// A text cut to a length, and what is to be put beside it.
fn padded(text: &str, size: i64, filling: &str) -> Result<(String, String)> {
    let size = usize::try_from(size).ok().filter(|size| *size <= LONGEST);
    let size =
        size.ok_or_else(|| invalid_argument(format!("Target length must be in the range [0..{LONGEST}]")))?;
    if filling.is_empty() {
        return Err(invalid_argument("Padding string must not be empty"));
    }
    let cut: String = text.chars().take(size).collect();
    let missing = size - cut.chars().count();
    Ok((cut, filling.chars().cycle().take(missing).collect()))
}

fn soundex(text: &str) -> String {
    let code = |letter: char| match letter {
        'B' | 'F' | 'P' | 'V' => Some('1'),
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
        'D' | 'T' => Some('3'),
        'L' => Some('4'),
        'M' | 'N' => Some('5'),
        'R' => Some('6'),
        _ => None,
    };
    let letters: Vec<char> =
        text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    let Some(first) = letters.first() else { return String::new() };
    let mut sound = String::from(*first);
    let mut last = code(*first);
    for letter in letters.iter().skip(1) {
        let next = code(*letter);
        if let Some(digit) = next
            && next != last
        {
            sound.push(digit);
        }
        if !matches!(letter, 'H' | 'W') {
            last = next;
        }
    }
    sound.truncate(4);
    format!("{sound:0<4}")
}

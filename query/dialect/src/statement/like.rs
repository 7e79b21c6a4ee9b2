//! Patterns of `LIKE` in statements that show something.

/// A pattern of `LIKE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    pub pattern: String,
    pub escape: Option<char>,
}

impl Like {
    /// Whether the whole text fits the pattern.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mut pieces = Vec::new();
        let mut pattern = self.pattern.chars();
        while let Some(character) = pattern.next() {
            pieces.push(match character {
                escape if Some(escape) == self.escape => Piece::Exactly(pattern.next().unwrap_or(escape)),
                '%' => Piece::Any,
                '_' => Piece::One,
                other => Piece::Exactly(other),
            });
        }
        fits(&pieces, &text.chars().collect::<Vec<_>>())
    }
}

#[derive(Clone, Copy)]
enum Piece {
    Exactly(char),
    One,
    Any,
}

/// In a time that grows with the product of the lengths.
fn fits(pieces: &[Piece], text: &[char]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        let mut any = false;
        for (place, was_reached) in reached.iter().enumerate() {
            any |= was_reached;
            let follows = match piece {
                Piece::Any => {
                    if let Some(here) = next.get_mut(place) {
                        *here = any;
                    }
                    false
                }
                Piece::One => *was_reached,
                Piece::Exactly(character) => *was_reached && text.get(place) == Some(character),
            };
            if follows && let Some(there) = next.get_mut(place + 1) {
                *there = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        let fits = |pattern: &str, escape, text| Like { pattern: pattern.to_owned(), escape }.fits(text);
        assert!(fits("a%", None, "abc") && fits("%", None, "") && fits("_b%_", None, "abc"));
        assert!(!fits("a", None, "ab") && !fits("_", None, "") && !fits("%a", None, "ab"));
        assert!(fits("a\\_b", Some('\\'), "a_b") && !fits("a\\_b", Some('\\'), "axb"));
        assert!(fits("%é%x", None, "aéx"));
    }
}

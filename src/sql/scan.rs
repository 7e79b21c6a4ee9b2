//! SQL that is being typed, in tokens. It never fails: what is not finished is what is looked at.

/// A token and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) start: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A keyword, a number, or a name without its quotation marks.
    Word(&'a str),
    /// A string, or a quoted name, that has no end.
    Unfinished,
    /// A string or a comment.
    Text,
    Mark(char),
}

impl<'a> TokenKind<'a> {
    pub(super) fn word(self) -> Option<&'a str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    pub(super) fn is_word(self, words: &[&str]) -> bool {
        self.word().is_some_and(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
    }
}

/// The tokens of a text, without blanks and finished comments.
pub(super) fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text.get(start..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(start..).unwrap_or_default();
        let (length, kind) = match first {
            '\'' => quoted(rest, '\'', |_| TokenKind::Text),
            '"' => quoted(rest, '"', TokenKind::Word),
            '-' if rest.starts_with("--") => until(rest, "\n", 2),
            '/' if rest.starts_with("/*") => until(rest, "*/", 2),
            first if is_of_word(first) => {
                let length = rest.find(|character| !is_of_word(character)).unwrap_or(rest.len());
                (length, Some(TokenKind::Word(rest.get(..length).unwrap_or_default())))
            }
            first if first.is_whitespace() => (first.len_utf8(), None),
            mark => (mark.len_utf8(), Some(TokenKind::Mark(mark))),
        };
        tokens.extend(kind.map(|kind| Token { start, kind }));
        start += length;
    }
    tokens
}

pub(super) fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '@')
}

fn quoted<'a>(
    rest: &'a str,
    mark: char,
    kind: impl FnOnce(&'a str) -> TokenKind<'a>,
) -> (usize, Option<TokenKind<'a>>) {
    let inside = rest.get(1..).unwrap_or_default();
    match inside.find(mark) {
        Some(end) => (end + 2, Some(kind(inside.get(..end).unwrap_or_default()))),
        None => (rest.len(), Some(TokenKind::Unfinished)),
    }
}

/// A comment, up to its end.
fn until<'a>(rest: &'a str, end: &str, opening: usize) -> (usize, Option<TokenKind<'a>>) {
    match rest.get(opening..).and_then(|inside| inside.find(end)) {
        Some(inside) => (opening + inside + end.len(), None),
        None => (rest.len(), Some(TokenKind::Unfinished)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind<'_>> {
        scan(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        use TokenKind::{Mark, Text, Unfinished, Word};
        assert_eq!(
            kinds("SELECT a.\"B c\", 'x;' -- no\n/* ; */ FROM \"t$files\""),
            [
                Word("SELECT"),
                Word("a"),
                Mark('.'),
                Word("B c"),
                Mark(','),
                Text,
                Word("FROM"),
                Word("t$files")
            ]
        );
        assert_eq!(kinds("SELECT 'a"), [Word("SELECT"), Unfinished]);
        assert_eq!(kinds("-- a"), [Unfinished]);
        assert_eq!(scan("é, b")[2], Token { start: 4, kind: Word("b") });
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(text in "\\PC{0,40}", quotes in "['\"/*\\- \na]{0,12}") {
            let text = text + &quotes;
            for token in scan(&text) {
                prop_assert!(text.is_char_boundary(token.start));
            }
        }
    }
}

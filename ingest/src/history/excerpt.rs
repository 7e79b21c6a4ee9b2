//! What was found, as a message shows it: short, and without anything that a terminal would not print.

/// Letters that are shown.
const SHOWN: usize = 80;

/// Bytes in quotes: text as it is, everything else escaped, and cut where it is long.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let is_shown = |letter: &char| !letter.is_control() && *letter != char::REPLACEMENT_CHARACTER;
    // A letter cut in two is left out.
    let begin = bytes.get(..SHOWN * 4).unwrap_or(bytes);
    let shown: String = match std::str::from_utf8(begin) {
        Ok(text) if text.chars().all(|letter| is_shown(&letter)) => text.chars().take(SHOWN).collect(),
        _ => begin.escape_ascii().to_string().chars().take(SHOWN).collect(),
    };
    let is_whole = begin.len() == bytes.len() && shown.chars().count() < SHOWN;
    format!("\"{shown}{}\"", if is_whole { "" } else { "…" })
}

/// Whether bytes can be a line of text.
pub(super) fn is_text(line: &[u8]) -> bool {
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\r' | '\n');
    std::str::from_utf8(line).is_ok_and(|text| !text.contains(is_odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_and_rubbish_escaped_and_cut() {
        assert_eq!(excerpt(b"61800.5"), "\"61800.5\"");
        assert_eq!(excerpt("Datum,Schlu\u{df}".as_bytes()), "\"Datum,Schlu\u{df}\"");
        assert_eq!(excerpt(b"\x89PNG\r\n\x1a\x00"), r#""\x89PNG\r\n\x1a\x00""#);
        let long = excerpt(&[b'a'; 10_000]);
        assert_eq!(long.chars().count(), SHOWN + 3);
        assert!(long.ends_with("…\""));
        assert!(excerpt(&[0xff; 10_000]).len() < 100);
    }

    #[test]
    fn lines_of_text_are_told_from_others() {
        assert!(is_text(b"Date,Open\r\n") && is_text("\u{feff}Date".as_bytes()) && is_text(b""));
        assert!(!is_text(b"PK\x03\x04") && !is_text(b"\xff\xfe1\x00"));
    }
}

//! Walks over the members of a JSON object without decoding their values.

/// The members of one JSON object, in order: key and the position where its value begins.
///
/// Ends at the first byte that is not what JSON wants there; keys with escapes are passed over as they stand.
pub(super) struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    /// The members of the object that begins at `at`, or at the white space before it.
    pub(super) fn of(text: &'a [u8], at: usize) -> Option<Self> {
        let at = skip_space(text, at);
        (*text.get(at)? == b'{').then_some(Self { text, at: at + 1 })
    }

    /// The next key and the position of its value; the value must be passed over by [`Members::skip_value`].
    pub(super) fn next_key(&mut self) -> Option<(&'a [u8], usize)> {
        let mut at = skip_space(self.text, self.at);
        if *self.text.get(at)? == b',' {
            at = skip_space(self.text, at + 1);
        }
        let key_end = string_end(self.text, at)?;
        let key = self.text.get(at + 1..key_end - 1)?;
        let colon = skip_space(self.text, key_end);
        if *self.text.get(colon)? != b':' {
            return None;
        }
        self.at = skip_space(self.text, colon + 1);
        Some((key, self.at))
    }

    pub(super) fn skip_value(&mut self) -> Option<()> {
        self.at = value_end(self.text, self.at)?;
        Some(())
    }
}

/// The text of the string value at `at`, where it is one.
pub(super) fn string_at(text: &[u8], at: usize) -> Option<&str> {
    let end = string_end(text, at)?;
    std::str::from_utf8(text.get(at + 1..end - 1)?).ok()
}

/// The whole number at `at`, where it is one that is not negative.
pub(super) fn number_at(text: &[u8], at: usize) -> Option<u64> {
    let digits = text.get(at..)?;
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(digits.get(..length)?).ok()?.parse().ok()
}

fn skip_space(text: &[u8], at: usize) -> usize {
    let space = text.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    at + space.count()
}

/// The position behind the string that begins at `at`.
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'"' => string_end(text, at),
        b'{' | b'[' => nested_end(text, at),
        _ => {
            let rest = text.get(at..)?;
            Some(at + rest.iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count())
        }
    }
}

fn nested_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

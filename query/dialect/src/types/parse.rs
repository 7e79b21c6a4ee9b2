//! The text of a type, read.

use std::str::FromStr;

use thiserror::Error;

use super::{RowField, TrinoType};

/// How deep types may be nested in a text: what is deeper is refused.
const MAX_DEPTH: usize = 32;

/// A text that is no type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Unknown type: {text}")]
pub struct ParseTypeError {
    text: String,
}

impl TrinoType {
    /// Reads a type as Trino spells it, in any case, also with the SQL synonyms (`int`, `string`, `double precision`).
    ///
    /// # Errors
    /// [`ParseTypeError`] where the text is no type.
    pub fn parse(text: &str) -> Result<Self, ParseTypeError> {
        let unknown = || ParseTypeError { text: text.to_owned() };
        let tokens = tokens(text).ok_or_else(unknown)?;
        let mut parser = Parser { tokens: &tokens };
        let parsed = parser.parse_type(0).ok_or_else(unknown)?;
        if parser.tokens.is_empty() { Ok(parsed) } else { Err(unknown()) }
    }
}

impl FromStr for TrinoType {
    type Err = ParseTypeError;

    fn from_str(text: &str) -> Result<Self, ParseTypeError> {
        Self::parse(text)
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Number(u32),
    Mark(char),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..length].parse().ok()?));
            length
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_lowercase()));
            length
        } else if first == '"' {
            let end = rest[1..].find('"')? + 1;
            tokens.push(Token::Quoted(rest[1..end].to_owned()));
            end + 1
        } else if "(),<>[]".contains(first) {
            tokens.push(Token::Mark(first));
            1
        } else {
            return None;
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
}

impl Parser<'_> {
    fn parse_type(&mut self, depth: usize) -> Option<TrinoType> {
        if depth > MAX_DEPTH {
            return None;
        }
        let name = self.word()?;
        let mut parsed = match name.as_str() {
            "unknown" | "null" => TrinoType::Unknown,
            "boolean" | "bool" => TrinoType::Boolean,
            "tinyint" => TrinoType::Tinyint,
            "smallint" => TrinoType::Smallint,
            "integer" | "int" => TrinoType::Integer,
            "bigint" => TrinoType::Bigint,
            "real" => TrinoType::Real,
            "double" => {
                self.skip_word("precision");
                TrinoType::Double
            }
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "varchar" | "string" | "text" => self.with_length(|length| TrinoType::Varchar { length })?,
            "char" | "character" => {
                self.with_length(|length| TrinoType::Char { length: length.unwrap_or(1) })?
            }
            "varbinary" => TrinoType::Varbinary,
            "date" => TrinoType::Date,
            "time" => self.time()?,
            "timestamp" => self.timestamp()?,
            "interval" => self.interval()?,
            "json" => TrinoType::Json,
            "uuid" => TrinoType::Uuid,
            "ipaddress" => TrinoType::IpAddress,
            "array" => {
                let close = self.open()?;
                let element = self.parse_type(depth + 1)?;
                self.mark(close)?;
                TrinoType::Array(Box::new(element))
            }
            "map" => {
                let close = self.open()?;
                let key = self.parse_type(depth + 1)?;
                self.mark(',')?;
                let value = self.parse_type(depth + 1)?;
                self.mark(close)?;
                TrinoType::Map(Box::new(key), Box::new(value))
            }
            "row" | "struct" => self.row(depth)?,
            _ => return None,
        };
        while self.mark('[').is_some() {
            self.mark(']')?;
            parsed = TrinoType::Array(Box::new(parsed));
        }
        Some(parsed)
    }

    fn decimal(&mut self) -> Option<TrinoType> {
        let (mut precision, mut scale) = (38, 0);
        if self.mark('(').is_some() {
            precision = self.number()?;
            if self.mark(',').is_some() {
                scale = self.number()?;
            }
            self.mark(')')?;
        }
        let possible = (1..=38).contains(&precision) && scale <= precision;
        possible.then_some(TrinoType::Decimal {
            precision: u8::try_from(precision).ok()?,
            scale: i8::try_from(scale).ok()?,
        })
    }

    fn time(&mut self) -> Option<TrinoType> {
        let precision = self.precision()?;
        Some(if self.zone()? {
            TrinoType::TimeWithTimeZone { precision }
        } else {
            TrinoType::Time { precision }
        })
    }

    fn timestamp(&mut self) -> Option<TrinoType> {
        let precision = self.precision()?;
        Some(if self.zone()? {
            TrinoType::TimestampWithTimeZone { precision }
        } else {
            TrinoType::Timestamp { precision }
        })
    }

    fn interval(&mut self) -> Option<TrinoType> {
        let from = self.word()?;
        self.expect_word("to")?;
        match (from.as_str(), self.word()?.as_str()) {
            ("year", "month") => Some(TrinoType::IntervalYearToMonth),
            ("day", "second") => Some(TrinoType::IntervalDayToSecond),
            _ => None,
        }
    }

    fn row(&mut self, depth: usize) -> Option<TrinoType> {
        let close = self.open()?;
        let mut fields = Vec::new();
        loop {
            fields.push(self.row_field(depth)?);
            if self.mark(',').is_none() {
                self.mark(close)?;
                return Some(TrinoType::Row(fields));
            }
        }
    }

    /// A field with a name, or, where what follows is no name and type, a type alone.
    fn row_field(&mut self, depth: usize) -> Option<RowField> {
        let before = self.tokens;
        if let Some(name) = self.name()
            && let Some(r#type) = self.parse_type(depth + 1)
        {
            return Some(RowField { name: Some(name), r#type });
        }
        self.tokens = before;
        Some(RowField { name: None, r#type: self.parse_type(depth + 1)? })
    }

    /// Digits behind the second: three where nothing is said.
    fn precision(&mut self) -> Option<u8> {
        if self.mark('(').is_none() {
            return Some(3);
        }
        let precision = self.number()?;
        self.mark(')')?;
        (precision <= 12).then(|| u8::try_from(precision).ok()).flatten()
    }

    fn zone(&mut self) -> Option<bool> {
        let with = match self.tokens.first() {
            Some(Token::Word(word)) if word == "with" => true,
            Some(Token::Word(word)) if word == "without" => false,
            _ => return Some(false),
        };
        self.word()?;
        self.expect_word("time")?;
        self.expect_word("zone")?;
        Some(with)
    }

    /// A type that may have a length in parentheses.
    fn with_length(&mut self, r#type: fn(Option<u32>) -> TrinoType) -> Option<TrinoType> {
        if self.mark('(').is_none() {
            return Some(r#type(None));
        }
        let length = self.number()?;
        self.mark(')')?;
        Some(r#type(Some(length)))
    }

    fn open(&mut self) -> Option<char> {
        if self.mark('(').is_some() {
            return Some(')');
        }
        self.mark('<').map(|()| '>')
    }

    fn mark(&mut self, mark: char) -> Option<()> {
        self.take_if(|token| (*token == Token::Mark(mark)).then_some(()))
    }

    fn number(&mut self) -> Option<u32> {
        self.take_if(|token| if let Token::Number(number) = token { Some(*number) } else { None })
    }

    fn word(&mut self) -> Option<String> {
        self.take_if(|token| if let Token::Word(word) = token { Some(word.clone()) } else { None })
    }

    fn name(&mut self) -> Option<String> {
        self.take_if(|token| match token {
            Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
            _ => None,
        })
    }

    fn expect_word(&mut self, expected: &str) -> Option<()> {
        (self.word()? == expected).then_some(())
    }

    fn skip_word(&mut self, word: &str) {
        self.take_if(|token| matches!(token, Token::Word(found) if found == word).then_some(()));
    }

    fn take_if<T>(&mut self, matches: impl FnOnce(&Token) -> Option<T>) -> Option<T> {
        let (first, rest) = self.tokens.split_first()?;
        let taken = matches(first)?;
        self.tokens = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "unknown",
            "boolean",
            "tinyint",
            "decimal(18,8)",
            "varchar",
            "varchar(3)",
            "char(4)",
            "time(3)",
            "time(6) with time zone",
            "timestamp(0)",
            "timestamp(6) with time zone",
            "interval year to month",
            "interval day to second",
            "array(array(bigint))",
            "map(varchar, array(double))",
            "row(a bigint, b row(c varchar, \"D e\" date))",
            "row(bigint, date)",
        ] {
            assert_eq!(TrinoType::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn synonyms_are_read() {
        for (text, means) in [
            ("INT", "integer"),
            ("DOUBLE PRECISION", "double"),
            ("TIMESTAMP", "timestamp(3)"),
            ("TIMESTAMP WITH TIME ZONE", "timestamp(3) with time zone"),
            ("TIMESTAMP(6) WITHOUT TIME ZONE", "timestamp(6)"),
            ("DECIMAL", "decimal(38,0)"),
            ("numeric(5)", "decimal(5,0)"),
            ("ARRAY<INT>", "array(integer)"),
            ("bigint[]", "array(bigint)"),
        ] {
            assert_eq!(TrinoType::parse(text).unwrap().to_string(), means);
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "nope",
            "decimal(39,0)",
            "decimal(3,4)",
            "array(",
            "array()",
            "row()",
            "varchar(x)",
            "bigint 3",
            "é(",
        ] {
            assert!(TrinoType::parse(text).is_err(), "{text}");
        }
        assert!(TrinoType::parse(&"array(".repeat(100_000)).is_err());
    }
}

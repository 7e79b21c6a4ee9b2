//! Forms of expressions that only Trino writes, in words that the general parser knows.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::SyntaxError;
use super::json::json_form;
use super::tokens::Result;
use crate::statement::Position;

/// Puts the forms of a query in the parser's words, and refuses what the parser would take and Trino does not.
pub(super) fn forms_rewritten(tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        refuse(token, written.last(), after)?;
        if let Some((form, behind)) = json_form(rest)? {
            written.extend(forms_rewritten(&form)?);
            rest = behind;
            continue;
        }
        let at = |new: Token| TokenWithSpan { token: new, span: token.span };
        match (&token.token, after) {
            // CAST(x AS row(a bigint)): a type that has parts is one name.
            (_, [next, ..]) if is(token, "AS") && starts_type(next) => {
                written.push(token.clone());
                let length = type_length(after);
                if length == 0 {
                    rest = after;
                    continue;
                }
                let (parts, behind) = after.split_at(length);
                written.push(TokenWithSpan { token: quoted(&type_text(parts)), span: next.span });
                rest = behind;
                continue;
            }
            // IPADDRESS '10.0.0.1'
            (_, [text, behind @ ..])
                if is(token, "IPADDRESS") && matches!(text.token, Token::SingleQuotedString(_)) =>
            {
                let cast = [
                    at(Token::make_keyword("CAST")),
                    at(Token::LParen),
                    text.clone(),
                    at(Token::make_keyword("AS")),
                    at(quoted("ipaddress")),
                    at(Token::RParen),
                ];
                written.extend(cast);
                rest = behind;
                continue;
            }
            // TRIM(LEADING FROM x): what is trimmed are blanks.
            (_, [from, ..])
                if ["LEADING", "TRAILING", "BOTH"].iter().any(|side| is(token, side)) && is(from, "FROM") =>
            {
                written.push(token.clone());
                written.push(at(Token::SingleQuotedString(" ".to_owned())));
            }
            (Token::UnicodeStringLiteral(text), _) => {
                written.push(at(Token::SingleQuotedString(text.clone())));
            }
            (Token::HexStringLiteral(digits), _) => {
                written.push(at(Token::HexStringLiteral(hexadecimal(digits, token)?)));
            }
            _ => written.push(token.clone()),
        }
        rest = after;
    }
    Ok(written)
}

/// What stands where Trino reads something else.
fn refuse(token: &TokenWithSpan, before: Option<&TokenWithSpan>, after: &[TokenWithSpan]) -> Result<()> {
    let expected = match &token.token {
        Token::SingleQuotedString(_)
            if before.is_some_and(|before| is(before, "FROM") || is(before, "JOIN")) =>
        {
            // TRIM(… FROM 'x') and EXTRACT are forms of an expression.
            match after.first().map(|next| &next.token) {
                Some(Token::RParen) => return Ok(()),
                _ => "'(', 'LATERAL', 'TABLE', 'UNNEST', <identifier>",
            }
        }
        Token::Word(_) if is(token, "QUALIFY") && before.is_some_and(ends_relation) => {
            "'GROUP', 'HAVING', 'LIMIT', 'OFFSET', 'ORDER', 'UNION', 'WHERE', 'WINDOW', <EOF>"
        }
        _ => return Ok(()),
    };
    Err(SyntaxError {
        message: format!("mismatched input '{}'. Expecting: {expected}", plain(&token.token)),
        position: Some(Position::from(token.span.start)),
    })
}

/// Whether a table, a condition or a column may end with a token.
fn ends_relation(token: &TokenWithSpan) -> bool {
    let goes_on = ["AS", "SELECT", "BY", "AND", "OR", "WHERE", "ON"];
    match &token.token {
        Token::Word(_) => !goes_on.iter().any(|word| is(token, word)),
        Token::RParen | Token::Number(..) | Token::SingleQuotedString(_) => true,
        _ => false,
    }
}

fn plain(token: &Token) -> String {
    match token {
        Token::SingleQuotedString(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

/// The digits of a binary literal without the blanks that may stand between them.
fn hexadecimal(digits: &str, token: &TokenWithSpan) -> Result<String> {
    let refused = |message: &str| {
        Err(SyntaxError { message: message.to_owned(), position: Some(Position::from(token.span.start)) })
    };
    let digits: String = digits.chars().filter(|digit| !digit.is_whitespace()).collect();
    if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return refused("Binary literal can only contain hexadecimal digits");
    }
    if digits.len() % 2 == 1 {
        return refused("Binary literal must contain an even number of digits");
    }
    Ok(digits)
}

fn starts_type(token: &TokenWithSpan) -> bool {
    ["ARRAY", "MAP", "ROW"].iter().any(|word| is(token, word))
}

/// The tokens of a type with its parts in parentheses; none where it has no parts, so that it is a name.
fn type_length(tokens: &[TokenWithSpan]) -> usize {
    if tokens.get(1).is_none_or(|next| next.token != Token::LParen) {
        return 0;
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => {
                // Only a cast ends with its type; `AS array (a)` names a table and its columns.
                let ends = tokens.get(place + 1).is_some_and(|next| next.token == Token::RParen);
                return if ends { place + 1 } else { 0 };
            }
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    0
}

fn type_text(tokens: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    let mut after_word = false;
    for token in tokens {
        let is_word = matches!(token.token, Token::Word(_) | Token::Number(..));
        if is_word && after_word {
            text.push(' ');
        }
        text.push_str(&token.token.to_string().to_lowercase());
        after_word = is_word || token.token == Token::RParen;
        if token.token == Token::Comma {
            text.push(' ');
        }
    }
    text
}

fn quoted(value: &str) -> Token {
    Token::Word(Word { value: value.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword })
}

fn is(token: &TokenWithSpan, keyword: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;
    use crate::statement::Statement;

    fn written(text: &str) -> String {
        match parse(text) {
            Ok(Statement::Query { query, .. }) => query.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        let error = parse(text).unwrap_err();
        let place = error.position.unwrap();
        format!("{}:{}: {}", place.line, place.column, error.message)
    }

    #[test]
    fn types_with_parts_are_one_name() {
        for (text, expected) in [
            ("SELECT CAST(x AS ARRAY(BIGINT))", r#"SELECT CAST(x AS "array(bigint)")"#),
            (
                "SELECT CAST(x AS ROW(a BIGINT, b MAP(VARCHAR(3), DECIMAL(10, 2))))",
                r#"SELECT CAST(x AS "row(a bigint, b map(varchar(3), decimal(10, 2)))")"#,
            ),
            ("SELECT * FROM t AS map (a)", "SELECT * FROM t AS map (a)"),
            ("SELECT 1 AS array", "SELECT 1 AS array"),
            ("SELECT IPADDRESS '::1'", r#"SELECT CAST('::1' AS "ipaddress")"#),
            (
                "SELECT json_value(x, 'lax $.a' RETURNING decimal(10, 2) DEFAULT 0 ON EMPTY ERROR ON ERROR)",
                r#"SELECT CAST("$json_value"(x, 'lax $.a', 'default', 'error', CAST(0 AS VARCHAR), NULL) AS "decimal ( 10 , 2 )")"#,
            ),
            (
                "SELECT JSON_QUERY(f(x, 1) FORMAT JSON, 'lax $' WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON EMPTY), json_exists(y, 'strict $.b')",
                r#"SELECT "$json_query"(f(x, 1), 'lax $', 'conditional', 'keep', '[]', 'null'), "$json_exists"(y, 'strict $.b', 'false')"#,
            ),
            ("SELECT TRIM(LEADING FROM x)", "SELECT TRIM(LEADING ' ' FROM x)"),
            (r"SELECT U&'\0041', X'0a FF'", "SELECT 'A', X'0aFF'"),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn what_is_no_trino_is_refused_where_it_stands() {
        for (text, expected) in [
            ("SELECT X'0'", "1:8: Binary literal must contain an even number of digits"),
            ("SELECT json_value(x, 'lax $.a' NULL)", "1:18: mismatched input ')'. Expecting: 'ON'"),
            ("SELECT X'zz'", "1:8: Binary literal can only contain hexadecimal digits"),
            (
                "SELECT * FROM '/etc/passwd'",
                "1:15: mismatched input ''/etc/passwd''. Expecting: '(', 'LATERAL', 'TABLE', 'UNNEST', <identifier>",
            ),
            (
                "SELECT x FROM t QUALIFY rank() OVER () = 1",
                "1:17: mismatched input 'QUALIFY'. Expecting: 'GROUP', 'HAVING', 'LIMIT', 'OFFSET', 'ORDER', 'UNION', 'WHERE', 'WINDOW', <EOF>",
            ),
        ] {
            assert_eq!(refused(text), expected);
        }
    }
}

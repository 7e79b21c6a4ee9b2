//! Control messages of a client (SUBSCRIBE and its like) and the venue's answers. No I/O.

use serde_json::{Map, Value};

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    ListSubscriptions,
    SetCombined(bool),
    GetCombined,
}

/// A request that is none; shown to the client as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: u8,
    pub message: String,
    pub id: Value,
}

/// Reads a control message: the request, and the id its answer has to carry.
pub(super) fn parse(text: &str) -> Result<(Request, Value), Refusal> {
    let message: Value = serde_json::from_str(text).map_err(|error| Refusal {
        code: 3,
        message: format!("Invalid JSON: {error}"),
        id: Value::Null,
    })?;
    let Value::Object(fields) = message else {
        return Err(invalid("expected an object", &Value::Null));
    };
    let id = request_id(&fields)?;
    let request = request(&fields, &id)?;
    Ok((request, id))
}

/// The answer to a request that was done.
pub(super) fn result(result: &Value, id: &Value) -> String {
    format!(r#"{{"result":{result},"id":{id}}}"#)
}

impl Refusal {
    pub(super) fn text(&self) -> String {
        let message = Value::from(self.message.as_str());
        format!(r#"{{"code":{},"msg":{message},"id":{}}}"#, self.code, self.id)
    }

    pub(super) fn too_many_streams(id: &Value) -> Self {
        invalid("too many streams on one connection", id)
    }
}

fn invalid(reason: &str, id: &Value) -> Refusal {
    Refusal { code: 2, message: format!("Invalid request: {reason}"), id: id.clone() }
}

fn request_id(fields: &Map<String, Value>) -> Result<Value, Refusal> {
    match fields.get("id") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(id) if id.is_u64() || id.as_str().is_some_and(|id| id.len() <= 36) => Ok(id.clone()),
        Some(_) => Err(invalid("request ID must be an unsigned integer", &Value::Null)),
    }
}

fn request(fields: &Map<String, Value>, id: &Value) -> Result<Request, Refusal> {
    let Some(method) = fields.get("method") else { return Err(invalid("missing field `method`", id)) };
    match method.as_str() {
        Some("SUBSCRIBE") => streams(fields, id).map(Request::Subscribe),
        Some("UNSUBSCRIBE") => streams(fields, id).map(Request::Unsubscribe),
        Some("LIST_SUBSCRIPTIONS") => Ok(Request::ListSubscriptions),
        Some("SET_PROPERTY") => match property(fields, 2, id)? {
            [_, Value::Bool(combined)] => Ok(Request::SetCombined(*combined)),
            _ => Err(Refusal {
                code: 1,
                message: "Invalid value type: expected Boolean".to_owned(),
                id: id.clone(),
            }),
        },
        Some("GET_PROPERTY") => property(fields, 1, id).map(|_| Request::GetCombined),
        _ => Err(invalid(
            &format!(
                "unknown variant `{}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, \
                 `SET_PROPERTY`, `GET_PROPERTY`",
                method.as_str().unwrap_or_default()
            ),
            id,
        )),
    }
}

fn streams(fields: &Map<String, Value>, id: &Value) -> Result<Vec<String>, Refusal> {
    let names = fields
        .get("params")
        .and_then(Value::as_array)
        .ok_or_else(|| invalid("missing field `params`", id))?;
    let name =
        |name: &Value| name.as_str().map(str::to_owned).ok_or_else(|| invalid("stream must be a string", id));
    names.iter().map(name).collect()
}

/// The parameters of a property request: the name `combined`, and the value for setting it.
fn property<'a>(fields: &'a Map<String, Value>, expected: usize, id: &Value) -> Result<&'a [Value], Refusal> {
    let parameters = fields.get("params").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match parameters.first() {
        Some(Value::String(name)) if name == "combined" => {}
        Some(Value::String(_)) => {
            return Err(Refusal { code: 0, message: "Unknown property".to_owned(), id: id.clone() });
        }
        _ => return Err(invalid("property name must be a string", id)),
    }
    match parameters.len() {
        count if count > expected => Err(invalid("too many parameters", id)),
        count if count < expected => Err(invalid("too few parameters", id)),
        _ => Ok(parameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let subscribe = parse(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#).unwrap();
        assert_eq!(subscribe, (Request::Subscribe(vec!["btcusdt@trade".to_owned()]), Value::from(1)));
        let set = parse(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":"a"}"#).unwrap();
        assert_eq!(set, (Request::SetCombined(true), Value::from("a")));
        let get = parse(r#"{"method":"GET_PROPERTY","params":["combined"]}"#).unwrap();
        assert_eq!(get, (Request::GetCombined, Value::Null));
        assert_eq!(result(&Value::Null, &Value::from(1)), r#"{"result":null,"id":1}"#);
    }

    #[test]
    fn refusals_have_the_codes_of_the_venue() {
        let code = |text: &str| parse(text).unwrap_err().code;
        assert_eq!(code("{"), 3);
        assert_eq!(code("[]"), 2);
        assert_eq!(code(r#"{"id":1}"#), 2);
        assert_eq!(code(r#"{"method":"BUY","id":1}"#), 2);
        assert_eq!(code(r#"{"method":"SUBSCRIBE","params":[1],"id":1}"#), 2);
        assert_eq!(code(r#"{"method":"SUBSCRIBE","params":["x"],"id":-1}"#), 2);
        assert_eq!(code(r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#), 1);
        assert_eq!(code(r#"{"method":"GET_PROPERTY","params":["speed"],"id":1}"#), 0);
        let refusal = parse(r#"{"method":"GET_PROPERTY","params":[],"id":7}"#).unwrap_err();
        assert_eq!(
            refusal.text(),
            r#"{"code":2,"msg":"Invalid request: property name must be a string","id":7}"#
        );
    }
}

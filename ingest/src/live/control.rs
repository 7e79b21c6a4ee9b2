//! What goes between client and venue besides market data: subscriptions, their answers, the venue's shutdown notice.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Streams named in one SUBSCRIBE.
const STREAMS_PER_MESSAGE: usize = 200;
/// The venue allows 5 messages a second, pongs included; one is left for a pong.
const MESSAGES_PER_SECOND: usize = 4;
const SECOND: Duration = Duration::from_secs(1);
/// A venue that has not answered by then will not.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// No control message of the venue is longer.
const LONGEST_CONTROL: usize = 4096;

/// A message of the venue about the connection itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Control {
    /// The request of this id was carried out.
    Accepted { id: u64 },
    /// A request was refused; the venue does not always say which.
    Refused { message: String },
    /// The venue will close the connection soon.
    ServerShutdown,
}

impl Control {
    /// `None` where the message is none of these.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() > LONGEST_CONTROL {
            return None;
        }
        let message: Value = serde_json::from_slice(payload).ok()?;
        // Documented flat, seen nested as well.
        let error = message.get("error").unwrap_or(&message);
        if let Some(code) = error.get("code").and_then(Value::as_i64) {
            let text = error.get("msg").and_then(Value::as_str).unwrap_or_default();
            return Some(Self::Refused { message: format!("{text} (code {code})") });
        }
        let event = message.get("data").unwrap_or(&message);
        if event.get("e").and_then(Value::as_str) == Some("serverShutdown") {
            return Some(Self::ServerShutdown);
        }
        let id = message.get("id")?.as_u64()?;
        message.get("result")?.is_null().then_some(Self::Accepted { id })
    }
}

/// The subscriptions of one connection: what is still to be sent, how fast, and what is not answered yet.
#[derive(Debug)]
pub(super) struct Subscriptions {
    unsent: VecDeque<(u64, String)>,
    unanswered: Vec<(u64, Instant)>,
    /// When the last messages went out, pongs included.
    sent: VecDeque<Instant>,
}

impl Subscriptions {
    pub(super) fn new(streams: &[String]) -> Self {
        let message = |(id, streams): (u64, &[String])| {
            (id, json!({"method": "SUBSCRIBE", "params": streams, "id": id}).to_string())
        };
        let unsent = (1..).zip(streams.chunks(STREAMS_PER_MESSAGE)).map(message).collect();
        Self { unsent, unanswered: Vec::new(), sent: VecDeque::new() }
    }

    /// The message to send now, if there is one and the venue's limit allows it.
    pub(super) fn due(&mut self, now: Instant) -> Option<&str> {
        while self.sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= SECOND) {
            self.sent.pop_front();
        }
        let (_, text) = self.unsent.front()?;
        (self.sent.len() < MESSAGES_PER_SECOND).then_some(text)
    }

    /// The message that was due is sent.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some((id, _)) = self.unsent.pop_front() {
            self.unanswered.push((id, now));
            self.sent.push_back(now);
        }
    }

    /// A pong went out; it counts towards the venue's limit.
    pub(super) fn pong(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// The request `id` was accepted; whether it was the last one.
    pub(super) fn accepted(&mut self, id: u64) -> bool {
        let before = self.unanswered.len();
        self.unanswered.retain(|(waiting, _)| *waiting != id);
        self.unanswered.len() < before && self.unanswered.is_empty() && self.unsent.is_empty()
    }

    /// Whether a request was left without an answer for too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.unanswered.iter().any(|(_, at)| now.saturating_duration_since(*at) >= ANSWER_PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_refusals_are_understood() {
        let refused = |text: &str| Control::parse(text.as_bytes());
        let message = "Invalid request (code 2)".to_owned();
        let expected = Some(Control::Refused { message });
        assert_eq!(refused(r#"{"code":2,"msg":"Invalid request","id":1}"#), expected);
        assert_eq!(refused(r#"{"error":{"code":2,"msg":"Invalid request"},"id":2}"#), expected);
    }

    #[test]
    fn other_control_messages() {
        assert_eq!(Control::parse(br#"{"result":null,"id":3}"#), Some(Control::Accepted { id: 3 }));
        let shutdown = br#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#;
        assert_eq!(Control::parse(shutdown), Some(Control::ServerShutdown));
        assert_eq!(Control::parse(br#"{"e":"serverShutdown","E":1}"#), Some(Control::ServerShutdown));
        for other in [r#"{"e":"fresh"}"#, r#"{"result":["a"],"id":3}"#, "[1]", "nonsense", ""] {
            assert_eq!(Control::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn subscriptions_keep_to_the_venues_limit_with_pongs_counted() {
        let streams: Vec<_> = (0..1_024).map(|number| format!("s{number}@depth")).collect();
        let mut subscriptions = Subscriptions::new(&streams);
        let start = Instant::now();
        let mut sent: Vec<Instant> = Vec::new();
        let mut named = 0;
        for step in 0..40 {
            let now = start + step * SECOND / 10;
            if step == 3 {
                subscriptions.pong(now);
                sent.push(now);
            }
            if let Some(text) = subscriptions.due(now) {
                named += text.matches("@depth").count();
                subscriptions.sent(now);
                sent.push(now);
            }
            let last_second = sent.iter().filter(|at| now.duration_since(**at) < SECOND);
            assert!(last_second.count() <= MESSAGES_PER_SECOND);
        }
        assert_eq!((named, sent.len()), (1_024, 7));
    }

    #[test]
    fn it_is_complete_when_all_are_answered() {
        let streams = vec!["x@depth".to_owned(); STREAMS_PER_MESSAGE + 1];
        let mut subscriptions = Subscriptions::new(&streams);
        let now = Instant::now();
        subscriptions.sent(now);
        assert!(!subscriptions.accepted(1), "one is not sent yet");
        subscriptions.sent(now);
        assert!(!subscriptions.accepted(7), "never asked");
        assert!(!subscriptions.is_overdue(now + ANSWER_PATIENCE / 2));
        assert!(subscriptions.is_overdue(now + ANSWER_PATIENCE));
        assert!(subscriptions.accepted(2));
        assert!(!subscriptions.is_overdue(now + ANSWER_PATIENCE));
    }
}

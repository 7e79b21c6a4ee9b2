//! Tickets for streams: a browser can give a WebSocket no header, and what stands in an address is written to the logs of
//! others. So a page that has shown who it is asks for a ticket, which is good once and not for long.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use uuid::Uuid;

use super::authentication::Asker;
use super::problem::Problem;
use super::schema::{ProblemAnswer, TicketAnswer};
use super::state::ApiState;
use super::{TAG_STREAM, answer};
use crate::access::{Principal, TokenHash};

/// How long a ticket is good.
const LIFETIME: Duration = Duration::from_secs(30);

/// Tickets that are out at once.
const MOST: usize = 10_000;

/// The tickets that are out. They are kept as digests.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<TokenHash, Ticket>>);

struct Ticket {
    principal: Principal,
    expires: Instant,
}

impl Tickets {
    /// A ticket for somebody; `None` where too many are out.
    fn issue(&self, principal: Principal, now: Instant) -> Option<String> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if out.len() >= MOST {
            out.retain(|_, ticket| ticket.expires > now);
        }
        if out.len() >= MOST {
            return None;
        }
        let text = Uuid::new_v4().simple().to_string();
        out.insert(TokenHash::of(&text), Ticket { principal, expires: now + LIFETIME });
        Some(text)
    }

    /// Whose ticket it is, which it is no longer then.
    pub(super) fn redeem(&self, text: &str, now: Instant) -> Option<Principal> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = out.remove(&TokenHash::of(text))?;
        (ticket.expires > now).then_some(ticket.principal)
    }
}

/// A ticket that opens one stream within half a minute, by `?ticket=…`: for browsers, which can give a WebSocket no header.
#[utoipa::path(post, path = "/api/v1/stream/ticket", tag = TAG_STREAM,
    responses((status = 200, body = TicketAnswer), (status = 401, body = ProblemAnswer), (status = 429, body = ProblemAnswer)))]
pub(crate) async fn ticket(
    State(state): State<ApiState>,
    Asker(principal): Asker,
) -> Result<Response, Problem> {
    let user = principal.user.clone();
    let issued = state.tickets.issue(principal, Instant::now());
    let ticket = issued.ok_or_else(|| Problem::too_many(format!("{MOST} tickets are out already")))?;
    let body = json!({ "ticket": ticket, "user": user, "asks_for_login": !state.access.is_open() });
    Ok(answer::json(body.to_string().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let first = tickets.issue(Principal::reader("ana"), now).unwrap();
        let second = tickets.issue(Principal::reader("ana"), now).unwrap();
        assert_ne!(first, second);
        assert_eq!(tickets.redeem(&first, now).unwrap().user, "ana");
        assert!(tickets.redeem(&first, now).is_none(), "once");
        assert!(tickets.redeem(&second, now + LIFETIME).is_none(), "not for long");
        assert!(tickets.redeem("nothing", now).is_none());
    }

    #[test]
    fn tickets_nobody_came_with_make_room() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        for _ in 0..MOST {
            tickets.issue(Principal::reader("ana"), now).unwrap();
        }
        assert!(tickets.issue(Principal::reader("ana"), now).is_none());
        assert!(tickets.issue(Principal::reader("ana"), now + LIFETIME).is_some());
    }
}

//! The token that clients with a `credential` ask for before anything else.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::IcebergCatalog;

#[derive(Debug, Deserialize)]
pub(super) struct TokenRequest {
    grant_type: String,
    #[serde(default)]
    client_secret: String,
}

/// Takes `credential = NAME:TOKEN`, and answers with the same token where it is one of ours: there is no second kind of
/// credential to be issued, revoked or leaked.
pub(super) async fn issue(State(catalog): State<IcebergCatalog>, form: String) -> Response {
    // The form is written as the query of an address is.
    let uri = Uri::try_from(format!("/?{form}")).ok();
    let Some(Query(request)) = uri.and_then(|uri| Query::<TokenRequest>::try_from_uri(&uri).ok()) else {
        return refused("invalid_request", "expected a form with grant_type and client_secret");
    };
    if request.grant_type != "client_credentials" {
        return refused("unsupported_grant_type", "expected client_credentials");
    }
    match catalog.access.with_token(&request.client_secret) {
        Ok(_) => {
            let token = json!({ "access_token": request.client_secret, "token_type": "bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" });
            Json(token).into_response()
        }
        Err(denied) => refused("invalid_client", &denied.to_string()),
    }
}

fn refused(error: &str, description: &str) -> Response {
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    (status, Json(json!({ "error": error, "error_description": description }))).into_response()
}

//! The token that clients with a `credential` ask for before anything else.

use axum::Json;
use axum::extract::{Form, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
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
pub(super) async fn issue(
    State(catalog): State<IcebergCatalog>,
    Form(request): Form<TokenRequest>,
) -> Response {
    if request.grant_type != "client_credentials" {
        return refused("unsupported_grant_type", "expected client_credentials");
    }
    let mut headers = HeaderMap::new();
    let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", request.client_secret)) else {
        return refused("invalid_client", "the secret is not a token");
    };
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    match catalog.access.authenticate(&headers) {
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

//! What a command shows to a server that asks who it is. Secrets come from the environment alone: arguments are seen by everybody
//! who lists processes.

use reqwest::RequestBuilder;

/// What to do where a server wants to know more.
pub const NEEDS_LOGIN: &str =
    "it wants to know who asks: --user USER with DEPTHLAKE_PASSWORD, or DEPTHLAKE_TOKEN";

/// A name, and what proves it.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: Option<String>,
    token: Option<String>,
}

impl Credentials {
    /// As this user, or whoever is logged in here, with `DEPTHLAKE_PASSWORD` or `DEPTHLAKE_TOKEN`.
    pub fn of_environment(user: Option<&str>) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let user = user.map(str::to_owned).or_else(|| variable("USER"));
        Self {
            user: user.unwrap_or_else(|| "depthlake".to_owned()),
            password: variable("DEPTHLAKE_PASSWORD"),
            token: variable("DEPTHLAKE_TOKEN"),
        }
    }

    /// The request with them; a token goes before a password.
    pub fn shown(&self, request: RequestBuilder) -> RequestBuilder {
        match (&self.token, &self.password) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(password)) => {
                request.basic_auth(&self.user, Some(password)).header("X-Trino-User", &self.user)
            }
            (None, None) => request.header("X-Trino-User", &self.user),
        }
    }
}

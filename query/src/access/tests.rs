use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn configuration(jwt: Option<JwtConfiguration>) -> AccessConfiguration {
    let user = |password: Option<&str>, tokens: &[&str], read: &str| UserConfiguration {
        password: password.map(|text| bcrypt::hash(text, 4).unwrap().try_into().unwrap()),
        tokens: tokens.iter().map(|token| TokenHash::of(token)).collect(),
        read: vec![read.to_owned().try_into().unwrap()],
        write: Vec::new(),
    };
    let users = [
        ("ana".to_owned(), user(Some("sesame"), &[], "*")),
        ("robot".to_owned(), user(None, &["a-long-token"], "marts")),
    ];
    AccessConfiguration { users: users.into(), jwt }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[tokio::test]
async fn where_nobody_is_configured_everybody_is_who_they_say() {
    let access = Access::new(&AccessConfiguration::default()).unwrap();
    assert!(access.is_open());
    for (sent, user) in [
        (headers(&[]), "anonymous"),
        (headers(&[("x-trino-user", "ana")]), "ana"),
        (headers(&[("x-presto-user", "ana")]), "ana"),
        (headers(&[("authorization", &basic("bob:x"))]), "bob"),
        (headers(&[("x-trino-user", " ")]), "anonymous"),
    ] {
        assert_eq!(access.authenticate(&sent).await.unwrap().user, user);
    }
    let mut bytes = HeaderMap::new();
    bytes.insert("x-trino-user", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(access.authenticate(&bytes).await.unwrap_err().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn configured_users_need_their_password_or_token() {
    let access = Access::new(&configuration(None)).unwrap();
    let ana = headers(&[("authorization", &basic("ana:sesame")), ("x-trino-user", "ana")]);
    assert_eq!(access.authenticate(&ana).await.unwrap().user, "ana");
    let robot = access.authenticate(&headers(&[("authorization", "bearer a-long-token")])).await.unwrap();
    assert!(robot.user == "robot" && robot.grants.reads("depthlake", "marts"));
    assert!(!robot.grants.reads("depthlake", "raw") && robot.grants.reads("tpch", "tiny"));
    for (sent, status) in [
        (headers(&[]), 401),
        (headers(&[("x-trino-user", "ana")]), 401),
        (headers(&[("authorization", &basic("ana:wrong"))]), 401),
        (headers(&[("authorization", &basic("robot:"))]), 401),
        (headers(&[("authorization", &basic("nobody:sesame"))]), 401),
        (headers(&[("authorization", "Bearer b-long-token")]), 401),
        (headers(&[("authorization", "Bearer ")]), 401),
        (headers(&[("authorization", &basic("ana"))]), 400),
        (headers(&[("authorization", "Basic !")]), 400),
        (headers(&[("authorization", "Negotiate abc")]), 400),
        (headers(&[("authorization", &basic("ana:sesame")), ("x-trino-user", "bob")]), 403),
    ] {
        let denied = access.authenticate(&sent).await.unwrap_err();
        assert_eq!(denied.status().as_u16(), status, "{denied}");
        let has_challenge = denied.into_response().headers().contains_key(header::WWW_AUTHENTICATE);
        assert_eq!(has_challenge, status == 401);
    }
}

fn token(claims: &serde_json::Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

#[tokio::test]
async fn a_signed_token_names_a_configured_user() {
    const LATER: u64 = 4_102_444_800;
    let key = JwtKey::Secret(SECRET.to_owned());
    let jwt = JwtConfiguration { key, issuer: Some("us".to_owned()), audience: None };
    let access = Access::new(&configuration(Some(jwt))).unwrap();
    let good = json!({"sub": "ana", "exp": LATER, "iss": "us"});
    assert_eq!(access.with_token(&token(&good, SECRET)).unwrap().user, "ana");
    for claims in [
        json!({"sub": "ana", "exp": 1_000_000, "iss": "us"}),
        json!({"sub": "ana", "iss": "us"}),
        json!({"exp": LATER, "iss": "us"}),
        json!({"sub": "nobody", "exp": LATER, "iss": "us"}),
        json!({"sub": "ana", "exp": LATER, "iss": "them"}),
        json!({"sub": "ana", "exp": LATER}),
    ] {
        assert_eq!(
            access.with_token(&token(&claims, SECRET)).unwrap_err(),
            Denied::InvalidCredentials,
            "{claims}"
        );
    }
    assert!(access.with_token(&token(&good, "fedcba9876543210fedcba9876543210")).is_err());
    let (_, payload_and_signature) =
        token(&good, SECRET).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let unsigned = payload_and_signature.split_once('.').unwrap().0.to_owned();
    assert!(access.with_token(&format!("eyJhbGciOiJub25lIn0.{unsigned}.")).is_err());
}

#[test]
fn what_would_be_unsafe_is_no_configuration() {
    let weak = JwtConfiguration { key: JwtKey::Secret("short".to_owned()), issuer: None, audience: None };
    assert!(matches!(Access::new(&configuration(Some(weak))), Err(AccessError::WeakSecret { bytes: 5 })));
    let key = JwtKey::PublicKey("/nowhere/key.pem".into());
    let missing = JwtConfiguration { key, issuer: None, audience: None };
    assert!(matches!(Access::new(&configuration(Some(missing))), Err(AccessError::KeyUnreadable { .. })));
    let plain: Result<PasswordHash, _> = "sesame".to_owned().try_into();
    assert!(plain.is_err());
    let hash: Result<TokenHash, _> = "ab".repeat(31).try_into();
    assert!(hash.is_err());
    let same: TokenHash =
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned().try_into().unwrap();
    assert!(same == TokenHash::of("test"));
}

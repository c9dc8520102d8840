//! Tokens of a shared secret; those of a key set are tried against a provider in `tests/it`.

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret that is long enough for the hash";

fn settings() -> JwtSettings {
    JwtSettings {
        issuer: Some("https://issuer.example".into()),
        audience: "everthread".into(),
        keys: JwtKeys::Secret(SECRET.into()),
        role_claim: "role".into(),
        leeway_s: 0,
    }
}

fn claims() -> Value {
    let now = get_current_timestamp();
    json!({"iss": "https://issuer.example", "aud": "everthread", "sub": "anna", "exp": now + 60})
}

fn token(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

async fn check(claims: &Value) -> Result<Bearer, JwtError> {
    let jwt = Jwt::new(settings()).unwrap();
    jwt.check(&token(claims, SECRET, Algorithm::HS256)).await
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut changed = claims();
    changed[name] = value.into();
    changed
}

#[tokio::test]
async fn a_good_token_names_user_and_role() {
    let bearer = check(&claims()).await.unwrap();
    assert_eq!((bearer.user.as_str(), bearer.role), ("anna", Role::User));
    for (claim, role) in [
        (json!("admin"), Role::Admin),
        (json!(["reader", "service"]), Role::Service),
        (json!("emperor"), Role::User),
        (json!(7), Role::User),
    ] {
        assert_eq!(check(&with("role", claim)).await.unwrap().role, role);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_never_overlooked() {
    let now = get_current_timestamp();
    for wrong in [
        with("exp", now - 10),
        with("exp", Value::Null),
        with("nbf", now + 60),
        with("iss", "https://other.example"),
        with("iss", Value::Null),
        with("aud", "other"),
        with("aud", Value::Null),
        with("sub", ""),
        with("sub", "a\u{7}b"),
        with("sub", Value::Null),
    ] {
        let error = check(&wrong).await.unwrap_err();
        assert!(matches!(error, JwtError::Refused(_)), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn only_our_secret_and_our_algorithm_count() {
    let jwt = Jwt::new(settings()).unwrap();
    let other = "another secret that is long enough too";
    for bad in [
        token(&claims(), other, Algorithm::HS256),
        token(&claims(), SECRET, Algorithm::HS512),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.".to_owned(),
        "no token".to_owned(),
        String::new(),
    ] {
        let error = jwt.check(&bad).await.unwrap_err();
        assert!(matches!(error, JwtError::Refused(_)), "{bad}");
        assert!(bad.is_empty() || !error.to_string().contains(&bad));
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let short = JwtSettings {
        keys: JwtKeys::Secret("short".into()),
        ..settings()
    };
    let nobody = JwtSettings {
        audience: String::new(),
        ..settings()
    };
    let nowhere = JwtSettings {
        issuer: None,
        keys: JwtKeys::Jwks(None),
        ..settings()
    };
    for wrong in [short, nobody, nowhere] {
        let said = format!("{wrong:?}");
        assert!(
            matches!(Jwt::new(wrong), Err(JwtError::Settings(_))),
            "{said}"
        );
        assert!(!said.contains(SECRET));
    }
}

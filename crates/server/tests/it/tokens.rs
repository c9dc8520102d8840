//! Tokens of an issuer whose key set is found through it.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use everthread_server::Server;
use everthread_server::identity::{JwtKeys, JwtSettings};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const KEYS: [&[u8]; 2] = [
    include_bytes!("keys_of_issuer/1.pem"),
    include_bytes!("keys_of_issuer/2.pem"),
];

/// An issuer that tells the keys of these ids, and counts how often it is asked.
#[derive(Clone, Default)]
struct Issuer(Arc<Mutex<(Vec<usize>, usize)>>);

fn key(at: usize) -> EncodingKey {
    EncodingKey::from_ec_pem(KEYS[at]).unwrap()
}

impl Issuer {
    fn tells(&self, keys: &[usize]) {
        self.0.lock().unwrap().0 = keys.to_vec();
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }

    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let place = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(move || async move { Json(place) }),
            )
            .route("/keys", get(keys))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let mut told = issuer.0.lock().unwrap();
    told.1 += 1;
    let keys = told.0.iter().map(|&at| {
        let mut jwk = Jwk::from_encoding_key(&key(at), Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(at.to_string());
        serde_json::to_value(jwk).unwrap()
    });
    let odd = json!({"kty": "future", "kid": "odd"});
    let secret = json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"});
    Json(json!({"keys": keys.chain([odd, secret]).collect::<Vec<_>>()}))
}

fn token(issuer: &str, at: usize, id: &str, claims: &Value) -> String {
    let mut all = json!({
        "iss": issuer, "aud": "everthread", "sub": "anna", "exp": get_current_timestamp() + 60,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(id.to_owned());
    encode(&header, &all, &key(at)).unwrap()
}

async fn server(issuer: &str) -> String {
    let store = Arc::new(SqliteStore::open(SqliteOptions::memory()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new(store).tokens(JwtSettings {
        issuer: Some(issuer.to_owned()),
        audience: "everthread".into(),
        keys: JwtKeys::Jwks(None),
        role_claim: "roles".into(),
        leeway_s: 0,
    });
    tokio::spawn(server.serve(listener, std::future::pending()));
    url
}

async fn me(url: &str, token: &str) -> (StatusCode, Value) {
    let request = Client::new().get(format!("{url}/api/users/me"));
    let answer = request.bearer_auth(token).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn an_issuers_tokens_name_users() {
    let issuer = Issuer::default();
    issuer.tells(&[0]);
    let at = issuer.serve().await;
    let url = server(&at).await;
    let (status, body) = me(&url, &token(&at, 0, "0", &json!({}))).await;
    assert_eq!(
        (status, &body["user_id"]),
        (StatusCode::OK, &json!("anna")),
        "{body}"
    );
    for _ in 0..5 {
        me(&url, &token(&at, 0, "0", &json!({}))).await;
    }
    assert_eq!(issuer.asked(), 1, "the set is kept");
    for wrong in [
        token(&at, 1, "0", &json!({})),
        token(&at, 0, "0", &json!({"aud": "other"})),
        token(&at, 0, "0", &json!({"iss": "https://other.example"})),
        token(&at, 0, "0", &json!({"exp": 1})),
        token(&at, 0, "secret", &json!({})),
        token(&at, 0, "odd", &json!({})),
    ] {
        let (status, body) = me(&url, &wrong).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::UNAUTHORIZED, &json!("unauthorized"))
        );
    }
    assert_eq!(
        issuer.asked(),
        1,
        "unknown keys do not make it ask again and again"
    );
    let admin = token(&at, 0, "0", &json!({"roles": ["reader", "admin"]}));
    let listed = Client::new().get(format!("{url}/api/keys"));
    let listed = listed.bearer_auth(admin).send().await.unwrap();
    assert_eq!(listed.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_told_as_such() {
    let url = server("http://127.0.0.1:1").await;
    let (status, body) = me(&url, &token("http://127.0.0.1:1", 0, "0", &json!({}))).await;
    let code = &body["code"];
    assert_eq!(
        (status, code),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &json!("tokens_unavailable")
        )
    );
    let nothing = Client::new()
        .get(format!("{url}/api/users/me"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        nothing.status(),
        StatusCode::UNAUTHORIZED,
        "tokens end local mode"
    );
}

//! Encrypted connections to a server with a certificate that was made here.

use everthread_graph::contract::StoreErrorKind;
use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_store::{Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::postgres::{Server, Setup};

/// A certificate for `localhost`, with who signed it.
struct Certificate {
    authority: String,
    own: String,
    key: String,
}

impl Certificate {
    fn new() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "the authority of a test");
        let signed = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::from_params(&authority, &authority_key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        Self {
            authority: signed.pem(),
            own: own.signed_by(&key, &issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn server(&self) -> Server {
        Server::start(&Setup {
            settings: [
                "ssl=on",
                "ssl_cert_file=HOME/own.pem",
                "ssl_key_file=HOME/key.pem",
            ]
            .map(str::to_owned)
            .to_vec(),
            files: vec![
                ("own.pem".to_owned(), self.own.clone()),
                ("key.pem".to_owned(), self.key.clone()),
            ],
            ..Setup::default()
        })
    }
}

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(PostgresOptions::from_url(url).unwrap()).await
}

/// As PostgreSQL's own clients: what is asked for is looked at, and nothing less.
#[tokio::test]
async fn a_server_is_trusted_as_far_as_it_was_asked_for() {
    let certificate = Certificate::new();
    let server = certificate.server();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let right = file("right.pem", &certificate.authority);
    let wrong = file("wrong.pem", &Certificate::new().authority);
    let by_number = server.tcp_url();
    let by_name = by_number.replace("127.0.0.1", "localhost");
    for (url, asked, opens) in [
        (&by_number, "sslmode=disable".to_owned(), true),
        (&by_number, "sslmode=require".to_owned(), true),
        (
            &by_number,
            format!("sslmode=verify-ca&sslrootcert={right}"),
            true,
        ),
        (
            &by_name,
            format!("sslmode=verify-full&sslrootcert={right}"),
            true,
        ),
        (
            &by_number,
            format!("sslmode=verify-full&sslrootcert={right}"),
            false,
        ),
        (
            &by_name,
            format!("sslmode=verify-ca&sslrootcert={wrong}"),
            false,
        ),
        (
            &by_name,
            format!("sslrootcert={wrong}&sslmode=require"),
            false,
        ),
        (&by_name, "sslmode=verify-full".to_owned(), false),
    ] {
        let outcome = open(&format!("{url}?{asked}")).await;
        match (outcome, opens) {
            (Ok(store), true) => store.close().await.unwrap(),
            (Err(refused), false) => {
                assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{asked}");
                assert!(refused.to_string().contains("certificate"), "{refused}");
            }
            (outcome, _) => panic!("{asked}: {outcome:?}"),
        }
    }
}

/// It is encrypted indeed, wherever both can.
#[tokio::test]
async fn connections_are_encrypted_where_the_server_can() {
    let server = Certificate::new().server();
    let store = open(&server.tcp_url()).await.unwrap();
    let encrypted = server.psql(
        "SELECT count(*) FILTER (WHERE s.ssl), count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name = 'everthread'",
    );
    let (encrypted, all) = encrypted.split_once('|').unwrap();
    assert!(encrypted == all && all != "0", "{encrypted} of {all}");
    store.close().await.unwrap();
}

/// A server without encryption is no server for whoever asks for it.
#[tokio::test]
async fn a_server_that_cannot_encrypt_is_refused_where_it_is_required() {
    let refused = open(&format!("{}?sslmode=require", Server::shared().tcp_url())).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let files = ["/nowhere/roots.pem", "/dev/null"];
    for file in files {
        let url = format!("{}?sslrootcert={file}", Server::shared().tcp_url());
        assert_eq!(
            open(&url).await.unwrap_err().kind(),
            StoreErrorKind::Invalid
        );
    }
}

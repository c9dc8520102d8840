//! Vectors of texts with real weights, held against those of the model's reference implementation.

use std::path::Path;

use everthread_model::{Embedder, LocalConfig, LocalModel, MiniLm, ModelErrorKind, weights};
use serde_json::Value;

/// Texts in several languages and of several lengths, and their vectors. They were computed with the libraries that the
/// file names, from the same weights.
const REFERENCE: &str = include_str!("../fixtures/minilm.json");

/// Eight-bit arithmetic and another order of additions may move a vector by this much, and no more.
const LEAST_COSINE: f32 = 0.999;

fn in_dir(models_dir: &Path) -> MiniLm {
    MiniLm::new(LocalConfig {
        models_dir: models_dir.to_owned(),
        ..LocalConfig::default()
    })
}

/// The model; its weights have to be there, for a test that did not run is no test.
fn model() -> MiniLm {
    let dir = weights::default_dir();
    let weights = weights::find("minilm").unwrap();
    assert!(
        weights.is_installed(&dir),
        "{} is missing in {}: run `cargo run -p everthread-model --example pull_weights -- minilm` \
         (91 MB), with EVERTHREAD_MODELS set as it is for the tests",
        weights.title,
        dir.display(),
    );
    in_dir(&dir)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The texts of the reference and their vectors.
fn reference() -> (Vec<String>, Vec<Vec<f32>>) {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let cases = reference["texts"].as_array().unwrap();
    let text = |case: &Value| case["text"].as_str().unwrap().to_owned();
    let vector = |case: &Value| -> Vec<f32> {
        let numbers = case["vector"].as_array().unwrap().iter();
        numbers
            .map(|number| number.as_f64().unwrap() as f32)
            .collect()
    };
    let texts = cases.iter().map(text).collect();
    (texts, cases.iter().map(vector).collect())
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let model = model();
    let (texts, expected) = reference();
    assert!(texts.len() >= 10);
    let vectors = model.embed(&texts).await.unwrap();
    assert_eq!(vectors.len(), texts.len());
    for ((text, vector), expected) in texts.iter().zip(&vectors).zip(&expected) {
        assert_eq!(vector.len(), model.dimensions());
        let length: f32 = vector.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-5, "{text}: {length}");
        let cosine = cosine(vector, expected);
        println!("{cosine:.6} {}", text.chars().take(40).collect::<String>());
        assert!(cosine >= LEAST_COSINE, "{text}: {cosine}");
    }
}

#[tokio::test]
async fn company_does_not_matter_and_order_is_kept() {
    let model = model();
    let (texts, _) = reference();
    // More than are worked on without a break.
    let many: Vec<String> = texts.iter().cycle().take(40).cloned().collect();
    let (alone, together) = tokio::join!(model.embed(&texts[1..2]), model.embed(&many));
    let (alone, together) = (alone.unwrap(), together.unwrap());
    assert_eq!(together.len(), 40);
    for (at, vector) in together.iter().enumerate() {
        let first = &together[at % texts.len()];
        assert!(cosine(vector, first) > 0.9999, "text {at}");
    }
    assert!(cosine(&alone[0], &together[1]) > 0.9999);
    assert!(model.embed(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn meaning_counts_rather_than_words() {
    let model = model();
    let texts = [
        "What food should I avoid buying for my dog?",
        "Bruno, our terrier, must not eat chicken.",
        "My flight to Oslo leaves on 12 December.",
        "I should avoid buying a house.",
    ];
    let vectors = model.embed(&texts.map(str::to_owned)).await.unwrap();
    let like = |other: usize| cosine(&vectors[0], &vectors[other]);
    assert!(
        like(1) > like(3) && like(1) > like(2),
        "{} {} {}",
        like(1),
        like(2),
        like(3)
    );
}

#[tokio::test]
async fn what_lies_beyond_the_window_does_not_count() {
    let model = model();
    let long = "The harbour was built long ago. ".repeat(60);
    let texts = [
        long.clone(),
        format!("{long} A spaceship lands."),
        format!("A spaceship lands. {long}"),
        "x".repeat(3_000_000),
    ];
    let vectors = model.embed(&texts).await.unwrap();
    assert!(cosine(&vectors[0], &vectors[1]) > 0.9999);
    assert!(cosine(&vectors[0], &vectors[2]) < 0.999);
}

#[tokio::test]
async fn weights_that_are_missing_are_named_and_found_once_they_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let model = in_dir(dir.path());
    let texts = ["dog".to_owned()];
    let error = model.embed(&texts).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::NotInstalled);
    let said = error.to_string();
    assert!(
        said.ends_with("run `everthread models pull minilm`"),
        "{said}"
    );

    let installed = weights::default_dir();
    for file in weights::find("minilm").unwrap().files {
        std::fs::write(dir.path().join(file.name), b"garbage").unwrap();
    }
    let error = model.warm().await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Corrupt);

    for file in weights::find("minilm").unwrap().files {
        std::fs::copy(installed.join(file.name), dir.path().join(file.name)).unwrap();
    }
    assert_eq!(model.embed(&texts).await.unwrap().len(), 1);
}

#[test]
fn it_does_not_chat() {
    let error = LocalModel::new("minilm", LocalConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::UnknownModel);
    assert!(error.to_string().contains("does not chat"), "{error}");
}

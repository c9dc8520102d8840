//! Chains, with time that stands still until everyone waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Fallback;
use crate::scripted::{Script, Scripted};
use crate::{
    ChatModel, ChatRequest, Delta, FallbackConfig, Message, ModelError, ModelErrorKind, Silent,
};

fn chain(models: &[&Arc<Scripted>], config: FallbackConfig) -> Fallback {
    let models = models
        .iter()
        .map(|model| Arc::clone(model) as Arc<dyn ChatModel>);
    Fallback::with_jitter(models, config, || 0.0).unwrap()
}

fn scripted(script: Script) -> Arc<Scripted> {
    Arc::new(Scripted::new(script))
}

fn failing(kind: ModelErrorKind) -> Arc<Scripted> {
    Arc::new(Scripted::answering(move |_| Err(kind)))
}

async fn ask(chain: &Fallback) -> Result<String, ModelError> {
    let request = ChatRequest::new([Message::human("hi")]);
    let reply = chain.generate(request, &mut Silent).await?;
    Ok(reply.message.text().into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_not_seen() {
    let model = scripted(Script::FailOnce);
    let begin = Instant::now();
    ask(&chain(&[&model], FallbackConfig::default()))
        .await
        .unwrap();
    assert_eq!(
        (model.calls(), begin.elapsed()),
        (2, Duration::from_millis(500))
    );
}

#[tokio::test(start_paused = true)]
async fn waits_double_and_then_the_next_model_is_asked() {
    let (broken, sound) = (scripted(Script::Fail), scripted(Script::Echo));
    let begin = Instant::now();
    ask(&chain(&[&broken, &sound], FallbackConfig::default()))
        .await
        .unwrap();
    assert_eq!((broken.calls(), sound.calls()), (3, 1));
    assert_eq!(begin.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn what_will_not_get_better_is_not_tried_again() {
    for kind in [ModelErrorKind::Unauthorized, ModelErrorKind::NotInstalled] {
        let (broken, sound) = (failing(kind), scripted(Script::Echo));
        ask(&chain(&[&broken, &sound], FallbackConfig::default()))
            .await
            .unwrap();
        assert_eq!(broken.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_model_is_given_up() {
    let (silent, sound) = (scripted(Script::Hang), scripted(Script::Echo));
    let config = FallbackConfig {
        attempts: 1,
        attempt_timeout: Duration::from_secs(7),
        ..FallbackConfig::default()
    };
    let begin = Instant::now();
    ask(&chain(&[&silent, &sound], config)).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_broke_off_is_not_repeated() {
    let (broken, sound) = (scripted(Script::FailMidway), scripted(Script::Echo));
    let error = ask(&chain(&[&broken, &sound], FallbackConfig::default()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Interrupted);
    assert_eq!((broken.calls(), sound.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_broke_off_begins_anew_if_the_listener_can_bear_it() {
    let (broken, sound) = (scripted(Script::FailMidway), scripted(Script::Echo));
    let config = FallbackConfig {
        restart_replies: true,
        attempts: 1,
        ..FallbackConfig::default()
    };
    let mut shown = String::new();
    let mut restarts = 0;
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(text) => shown.push_str(text),
        Delta::Restart => {
            restarts += 1;
            shown.clear();
        }
    };
    let request = ChatRequest::new([Message::human("hi")]);
    let reply = chain(&[&broken, &sound], config)
        .generate(request, &mut sink)
        .await
        .unwrap();
    assert_eq!((reply.message.text().into_owned(), restarts), (shown, 1));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_keeps_failing_is_left_alone_for_a_while() {
    let broken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&broken);
    let model = Arc::new(Scripted::answering(move |_| {
        match count.fetch_add(1, Ordering::Relaxed) {
            0..6 => Err(ModelErrorKind::Unavailable),
            _ => Ok("well again".to_owned()),
        }
    }));
    let chain = chain(
        &[&model],
        FallbackConfig {
            attempts: 1,
            ..FallbackConfig::default()
        },
    );
    for _ in 0..5 {
        ask(&chain).await.unwrap_err();
    }
    let error = ask(&chain).await.unwrap_err();
    assert_eq!(
        (model.calls(), error.retry_after()),
        (5, Some(Duration::from_secs(30)))
    );
    tokio::time::advance(Duration::from_secs(31)).await;
    ask(&chain).await.unwrap_err();
    assert_eq!(model.calls(), 6, "one request is let through");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(ask(&chain).await.unwrap(), "well again");
    assert_eq!(ask(&chain).await.unwrap(), "well again");
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_error_says_why() {
    let (first, second) = (
        failing(ModelErrorKind::Unauthorized),
        scripted(Script::Fail),
    );
    let chain = chain(&[&first, &second], FallbackConfig::default());
    assert_eq!(chain.name(), "scripted:custom,scripted:fail");
    let error = ask(&chain).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Unauthorized);
    let text = error.to_string();
    assert!(
        text.contains("refused the key") && text.contains("is not available"),
        "{text}"
    );
}

#[derive(Debug, Default)]
struct Heard(std::sync::Mutex<Vec<String>>);

impl crate::ModelObserver for Heard {
    fn attempt(&self, model: &str, failure: Option<&ModelError>, _: Duration) {
        let outcome = failure.map_or("ok", |error| error.kind().as_str());
        self.0.lock().unwrap().push(format!("{model} {outcome}"));
    }

    fn resting(&self, model: &str, is_resting: bool) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{model} rests: {is_resting}"));
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_and_every_rest_is_told() {
    let model = scripted(Script::FailOnce);
    let heard = Arc::new(Heard::default());
    let config = FallbackConfig {
        breaker_failures: 1,
        breaker_rest: Duration::from_millis(100),
        observer: Some(heard.clone()),
        ..FallbackConfig::default()
    };
    ask(&chain(&[&model], config)).await.unwrap();
    let name = model.name();
    let expected = [
        format!("{name} unavailable"),
        format!("{name} rests: true"),
        format!("{name} ok"),
        format!("{name} rests: false"),
    ];
    assert_eq!(*heard.0.lock().unwrap(), expected);
}

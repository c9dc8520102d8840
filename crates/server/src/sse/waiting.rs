//! A JSON body that comes when a run has ended. Until then there are line ends, which JSON does not mind.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::Store;
use futures::stream;
use serde_json::json;

use super::Never;
use super::follow::{Leave, beats};
use crate::runs::{Live, goes_on};

/// How long the headers wait for a run that is about to end: the answer then goes out in one piece.
const SOON: Duration = Duration::from_millis(50);
/// How soon, and how often at last, a run that another process drives is looked at.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

const BEAT: &[u8] = b"\n";

fn json_answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The answer to who waits for a run that is driven here; `body` makes it from how the run ended.
pub(crate) async fn wait(
    live: Arc<Live>,
    mut leave: Leave,
    every: Duration,
    body: fn(&Live) -> String,
) -> Response {
    if tokio::time::timeout(SOON, live.wait()).await.is_ok() {
        leave.done();
        return json_answer(Body::from(body(&live)));
    }
    let waiting = (Some((live, leave)), beats(every));
    let bytes = stream::unfold(waiting, move |(waiting, mut beats)| async move {
        let (live, mut leave) = waiting?;
        let ended = tokio::select! {
            biased;
            _ = live.wait() => true,
            _ = beats.tick() => false,
        };
        if ended {
            leave.done();
            let body = Bytes::from(body(&live));
            return Some((Ok::<_, Never>(body), (None, beats)));
        }
        let beat = Bytes::from_static(BEAT);
        Some((Ok(beat), (Some((live, leave)), beats)))
    });
    json_answer(Body::from_stream(bytes))
}

/// The answer to who waits for a run that is not driven here: it has ended, or another process drives it. `body` is
/// read when it has ended.
pub(crate) fn wait_elsewhere<F>(
    store: Arc<dyn Store>,
    key: ThreadKey,
    run: RunId,
    leave: Leave,
    every: Duration,
    body: impl FnOnce() -> F + Send + 'static,
) -> Response
where
    F: Future<Output = String> + Send + 'static,
{
    let waiting = (Some((store, key, body, leave)), beats(every));
    let bytes = stream::unfold(waiting, move |(waiting, mut beats)| async move {
        let (store, key, body, mut leave) = waiting?;
        let look = async {
            let mut pause = LOOK.0;
            loop {
                match store.run(&key, run).await {
                    Ok(Some(found)) if goes_on(&found) => {}
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK.1);
            }
        };
        let looked = tokio::select! {
            biased;
            looked = look => Some(looked),
            _ = beats.tick() => None,
        };
        let text = match looked {
            None => {
                let beat = Bytes::from_static(BEAT);
                return Some((
                    Ok::<_, Never>(beat),
                    (Some((store, key, body, leave)), beats),
                ));
            }
            Some(Ok(())) => {
                leave.done();
                body().await
            }
            Some(Err(error)) => {
                json!({"__error__": {"error": "StoreError", "message": error.to_string()}})
                    .to_string()
            }
        };
        Some((Ok(Bytes::from(text)), (None, beats)))
    });
    json_answer(Body::from_stream(bytes))
}

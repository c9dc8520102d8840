//! The body of a stream, watched until it ends or its reader leaves.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::line::Line;

/// A body that writes its line when it is over.
pub(super) struct Watched {
    body: Body,
    line: Option<Line>,
}

impl Watched {
    pub(super) fn wrap(body: Body, line: Line) -> Body {
        Body::new(Self {
            body,
            line: Some(line),
        })
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None))
            && let Some(line) = self.line.take()
        {
            line.complete();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.broken_off();
        }
    }
}

//! A body that carries something along, which is let go of when the body has ended or its reader has left.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

struct Carrying<T> {
    body: Body,
    _carried: T,
}

/// The response, with this carried along by its body.
pub(crate) fn carried<T: Send + Unpin + 'static>(response: Response, carried: T) -> Response {
    response.map(|body| {
        Body::new(Carrying {
            body,
            _carried: carried,
        })
    })
}

impl<T: Unpin> HttpBody for Carrying<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

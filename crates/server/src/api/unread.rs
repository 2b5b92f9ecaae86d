//! Bodies that nobody reads to their end.
//!
//! When a handler leaves a chunked body behind, the web framework reads on, in order to keep the connection, and it
//! has no limit for that: a body without end would be taken without end, from anybody. While somebody holds the body
//! it closes the connection instead, after a moment in which the answer can be read. So the answer holds it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// The body of a request, for the answer to hold.
pub(super) struct Unread(
    #[expect(dead_code, reason = "it is there to be held")] Rc<RefCell<Payload>>,
);

impl Unread {
    /// Shares the body with whoever reads it. One of a known length is no danger, and is left alone.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if matches!(request.chunked(), Ok(false)) {
            return None;
        }
        let payload = Rc::new(RefCell::new(request.take_payload()));
        let shared: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Shared(payload.clone()));
        request.set_payload(Payload::Stream { payload: shared });
        Some(Self(payload))
    }

    /// The body of the answer, which holds that of the request.
    pub(super) fn held_by(self, body: BoxBody) -> BoxBody {
        BoxBody::new(Answer {
            body,
            _unread: self,
        })
    }
}

struct Shared(Rc<RefCell<Payload>>);

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(cx)
    }
}

struct Answer {
    body: BoxBody,
    _unread: Unread,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

//! Enters: a backend's opened answer. Leaves: the response to the client, spliced while it
//! streams: the client's own id comes back, whatever else the backend said stays to the byte.

mod bridge;
mod conversation;
mod course;
mod edited;
mod events;
mod front;
mod hearing;
mod marks;
mod parked;
mod pump;
mod reading;
mod relay;
pub(crate) mod request_id;
mod telling;

pub(crate) use bridge::Bridge;
pub(crate) use conversation::{Conversation, Rules, Said};
pub(crate) use events::{Told, Translate, alive, event};
pub(crate) use front::{Ending, Front, Voice};
pub(crate) use hearing::Hearing;
pub(crate) use marks::{Marks, Place};
pub(crate) use parked::{Parked, Resumed};
pub(crate) use pump::{EVENT_LIMIT, HELD, Mark, Pump};
pub(crate) use reading::Reading;
pub(crate) use relay::Relay;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::walk::Record;

/// What a client is sent.
pub struct ReplyBody {
    inner: Inner,
    /// Written to the access log when the body ends or is dropped.
    record: Option<Box<Record>>,
    /// Whether the last byte has been handed out.
    ended: bool,
}

enum Inner {
    Full(Option<Bytes>),
    Edited(Box<edited::Edited>),
    Events(mpsc::Receiver<Bytes>),
}

/// Why a streamed answer ended early; the connection ends with it, so that no client takes half
/// an answer for a whole one.
#[derive(Debug, thiserror::Error)]
#[error("the backend's answer broke off: {0}")]
pub struct BrokenOff(pub(crate) String);

impl ReplyBody {
    /// A body that is all there.
    pub(crate) fn full(bytes: Bytes) -> Self {
        let ended = bytes.is_empty();
        Self { inner: Inner::Full((!bytes.is_empty()).then_some(bytes)), record: None, ended }
    }

    /// 200 with one JSON message.
    pub(crate) fn json(bytes: Bytes) -> Response<Self> {
        let mut response = Response::new(Self::full(bytes));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// A status and nothing more.
    pub(crate) fn empty(status: StatusCode) -> Response<Self> {
        let mut response = Response::new(Self::full(Bytes::new()));
        *response.status_mut() = status;
        response
    }

    /// 200 with an event stream that `sender` of the returned pair feeds.
    pub(crate) fn events(receiver: mpsc::Receiver<Bytes>) -> Response<Self> {
        let mut response =
            Response::new(Self { inner: Inner::Events(receiver), record: None, ended: false });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        // nginx and its kin hold responses back unless told not to.
        headers
            .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    }

    fn edited(edited: edited::Edited) -> Response<Self> {
        let inner = Inner::Edited(Box::new(edited));
        let mut response = Response::new(Self { inner, record: None, ended: false });
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Lets the record be written when the last byte has gone out.
    pub(crate) fn recorded(
        mut response: Response<Self>,
        mut record: Box<Record>,
    ) -> Response<Self> {
        record.status(response.status());
        response.body_mut().record = Some(record);
        response
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        let next = match &mut this.inner {
            Inner::Full(bytes) => bytes.take().map(Ok),
            Inner::Edited(edited) => std::task::ready!(edited.poll(context)),
            Inner::Events(receiver) => std::task::ready!(receiver.poll_recv(context)).map(Ok),
        };
        this.ended = next.is_none() || matches!(this.inner, Inner::Full(None));
        if let (Some(Ok(bytes)), Some(record)) = (&next, &mut this.record) {
            record.bytes_out(bytes.len());
        }
        if let (Some(Err(error)), Some(record)) = (&next, &mut this.record) {
            record.broken_off(error);
        }
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.inner, Inner::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let Some(record) = &mut self.record
            && !self.ended
        {
            record.abandoned();
        }
    }
}

//! Enters: a backend's opened answer, in any form. Leaves: its messages, one at a time; a large
//! answer as a stream.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use sealgate_mcp::reply::ReplyEditor;

use super::Pump;
use super::course::Course;
use super::edited::Edited;
use super::pump::HELD;
use super::reading::Heard;
use crate::backend::{Exchange, Opened};
use crate::fail::BackendError;
use crate::held::hold;
use crate::upstream::Body;

/// What a backend says in answer to one request.
pub(crate) enum Hearing {
    /// Nothing yet.
    Opening(Opening),
    /// One message, all there.
    Whole(Option<Bytes>),
    /// One message that is too large to hold for no reason: its start, and the rest.
    Large(Bytes, Box<Body>),
    /// A stream of messages.
    Events(Box<Course>),
}

type Opening = Pin<Box<dyn Future<Output = Result<Hearing, BackendError>> + Send>>;

/// What a backend says next.
pub(crate) enum Next {
    /// A message, whole.
    Message(Bytes),
    /// An answer that is large.
    Large(Box<Edited>),
}

impl Hearing {
    /// Sends a request, while what comes beside its answer can be heard already.
    pub(crate) fn opening(exchange: Exchange, body: Bytes) -> Self {
        Self::Opening(Box::pin(async move {
            let opened = exchange.open(body).await?;
            Self::of(opened, &exchange).await
        }))
    }

    /// Whether the backend has not begun to answer.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self, Self::Opening(_))
    }

    /// Reads small answers whole. A stream that ends before its answer is resumed on `exchange`.
    pub(crate) async fn of(opened: Opened, exchange: &Exchange) -> Result<Self, BackendError> {
        let mut body = match opened {
            Opened::Message(message) => return Ok(Self::Whole(Some(message))),
            Opened::Events(response) => {
                let pump = Pump::new(response.into_body());
                return Ok(Self::Events(Box::new(Course::new(exchange.clone(), pump, None))));
            }
            Opened::Json(response) => response.into_body(),
        };
        let first = match body.frame().await {
            Some(frame) => frame?.into_data().unwrap_or_default(),
            None => return Err(BackendError::NotJsonRpc("the body is empty".to_owned())),
        };
        if body.is_end_stream() {
            return Ok(Self::Whole(Some(first)));
        }
        let rest = body.size_hint().upper();
        if rest.is_some_and(|rest| rest + first.len() as u64 <= HELD as u64) {
            let whole = hold(first, body, HELD).await;
            return whole
                .map(|whole| Self::Whole(Some(whole)))
                .map_err(|unheld| BackendError::unheld(unheld, HELD));
        }
        Ok(Self::Large(first, Box::new(body)))
    }

    /// What the backend says next; the end before an answer is an error. A large answer is edited
    /// by `editor`. Nothing is lost when the future is dropped.
    pub(crate) async fn next(
        &mut self,
        editor: impl Fn() -> ReplyEditor,
    ) -> Result<Next, BackendError> {
        if let Self::Opening(opening) = self {
            *self = opening.as_mut().await?;
        }
        if let Self::Large(..) = self
            && let Self::Large(first, body) = std::mem::replace(self, Self::Whole(None))
        {
            return Edited::begin(editor(), first, *body).map(Box::new).map(Next::Large);
        }
        let heard = match self {
            Self::Events(course) => course.next(|| Some(editor())).await?,
            Self::Whole(message) => {
                let other = || BackendError::NotJsonRpc("it answers another request".to_owned());
                return message.take().map(Next::Message).ok_or_else(other);
            }
            Self::Large(..) | Self::Opening(_) => None,
        };
        match heard {
            Some(Heard::Message(message, _)) => Ok(Next::Message(message)),
            Some(Heard::Large(editor)) => match std::mem::replace(self, Self::Whole(None)) {
                Self::Events(course) => {
                    Ok(Next::Large(Box::new(Edited::event(*editor, course.into_pump()))))
                }
                _ => Err(Course::ended()),
            },
            Some(Heard::Prime(_)) | None => Err(Course::ended()),
        }
    }

    /// The call has waited for its client for so long, which is not the backend's time.
    pub(super) fn waited(&mut self, time: Duration) {
        match self {
            Self::Events(course) => course.waited(time),
            Self::Large(_, body) => body.waited(time),
            Self::Opening(_) | Self::Whole(_) => {}
        }
    }
}

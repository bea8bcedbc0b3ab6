//! Enters: a backend that speaks the HTTP+SSE transport of MCP 2024-11-05. Leaves: the same
//! dealings as with any other: what it says on its one event stream is brought to the requests
//! that it answers.
//!
//! The server's session is the event stream, so that it lives in the process that holds the
//! connection. Another replica, or this one after the connection broke, finds the session lost
//! and opens one of its own, as with any lost session.

mod held;

pub(crate) use held::Lines;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, Uri};
use http_body_util::BodyExt;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::sse::{Decoder, Event};
use tokio::time::Instant;

use super::{Exchange, Opened, answer};
use crate::fail::BackendError;
use crate::plan::PlaceTag;
use crate::reply::EVENT_LIMIT;
use crate::upstream::Body;
use held::Line;

/// What session ids of lines begin with: no server's own id does.
const PREFIX: &str = "sealgate-line:";
/// How long a backend that refused a POST may take to show that it has a line.
const PATIENCE: Duration = Duration::from_secs(3);

impl Exchange {
    /// The line that the session is; `None` if it is an ordinary session.
    ///
    /// # Errors
    /// [`BackendError::SessionLost`] if another process has it, or nobody any more.
    pub(super) fn line(&self) -> Result<Option<Arc<Line>>, BackendError> {
        let Some(id) = self.session.as_deref().filter(|_| self.is_line()) else { return Ok(None) };
        let line = self.backend().memory.lines.find(id);
        line.map(Some).ok_or(BackendError::SessionLost)
    }

    /// Whether the session is a line.
    pub(super) fn is_line(&self) -> bool {
        self.session.as_deref().is_some_and(|id| id.starts_with(PREFIX))
    }

    /// Opens a line, if the backend has one; the session that it is.
    pub(super) async fn open_line(&self) -> Result<Box<str>, BackendError> {
        let patience = PATIENCE.min(self.backend().deadlines.initialize);
        match tokio::time::timeout(patience, self.dial()).await {
            Ok(result) => result,
            Err(_) => Err(no_line()),
        }
    }

    async fn dial(&self) -> Result<Box<str>, BackendError> {
        let response = self.stream(None).await?.ok_or_else(no_line)?;
        let place = response.extensions().get::<PlaceTag>().copied();
        let mut body = response.into_body();
        let mut decoder = Decoder::new(EVENT_LIMIT);
        let target = loop {
            match next(&mut body, &mut decoder).await? {
                Some(event) if event.event.as_deref() == Some(b"endpoint") => {
                    break self.endpoint(&event.data, place)?;
                }
                Some(_) => {}
                None => return Err(no_line()),
            }
        };
        let random = random_id()?;
        let id: Box<str> = format!("{PREFIX}{random}").into();
        let lines = &self.backend().memory.lines;
        let line = lines.hold(&id, target, place);
        tokio::spawn(read(Arc::clone(&self.backend().memory), id.clone(), line, body, decoder));
        Ok(id)
    }

    /// Where to POST: on the server that was asked, whatever it says, because the credentials are
    /// for that one. A key of the query belongs there too, unless the server repeats it.
    fn endpoint(&self, data: &Bytes, place: Option<PlaceTag>) -> Result<Uri, BackendError> {
        let text = std::str::from_utf8(data).unwrap_or("").trim();
        let foreign = || BackendError::NotJsonRpc(format!("its endpoint {text:?} is not its own"));
        let uri: Uri = match text.starts_with(['/', '?']) || text.contains("://") {
            true => text.parse().map_err(|_| foreign())?,
            false => self.sibling(text).parse().map_err(|_| foreign())?,
        };
        let backend = self.backend();
        let place = place.and_then(|tag| backend.places.as_ref()?.find(tag));
        let own = place.map_or(&backend.authority, |place| &place.authority);
        let own = own.to_str().unwrap_or("");
        if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(own)) {
            return Err(foreign());
        }
        let target = uri.path_and_query().ok_or_else(foreign)?;
        match &backend.query_key {
            Some(key) if !key.is_in(target.as_str()) => {
                key.add_to(target.as_str()).parse().map_err(|_| foreign())
            }
            _ => Ok(Uri::from(target.clone())),
        }
    }

    /// A target relative to the one that was asked (RFC 3986 section 5.2).
    fn sibling(&self, text: &str) -> String {
        let own = self.backend().target.path();
        let folder = own.rfind('/').map_or("/", |slash| &own[..=slash]);
        format!("{folder}{text}")
    }

    /// Sends a request whose answer comes on the line.
    pub(super) async fn call_on(&self, line: &Line, body: Bytes) -> Result<Opened, BackendError> {
        let began = Instant::now();
        let id =
            Envelope::parse(&body).ok().and_then(|envelope| Some(envelope.id?.get().to_owned()));
        let feed = line.await_answer(&id.unwrap_or_default());
        self.tell_on(line, body).await?;
        let deadlines = self.backend().deadlines;
        let body = Body::fed(feed, self.backend().origin.peer());
        let body = body.with_deadlines(deadlines.idle, began, deadlines.call);
        Ok(Opened::Events(Response::new(body)))
    }

    /// Sends anything else.
    pub(super) async fn tell_on(&self, line: &Line, body: Bytes) -> Result<(), BackendError> {
        let mut draft = self.post(body);
        (draft.session, draft.version, draft.target) = (None, None, Some(&line.target));
        if let (Some(places), Some(tag)) = (&self.backend().places, line.place) {
            // The stream is open to this endpoint and no other.
            draft.place = Some(places.find(tag).ok_or(BackendError::SessionLost)?);
        }
        let sent = self.send(&draft, self.backend().deadlines.first_byte).await?;
        if sent.status().is_success() {
            return Ok(());
        }
        Err(answer::refused(sent, true).await)
    }

    /// What the backend says on the line to nobody in particular.
    pub(super) fn listen_on(&self, line: &Line) -> Body {
        Body::fed(line.listen(), self.backend().origin.peer())
    }
}

/// Whether a server of the old transport may have refused a POST of `initialize` like this.
pub(super) fn may_be_line(error: &BackendError) -> bool {
    match error {
        BackendError::Status { status, .. } => {
            status.is_client_error() && ![401, 403, 408, 429].contains(&status.as_u16())
        }
        _ => false,
    }
}

/// Brings what comes on the line to whom it concerns, until it ends or nobody needs it any more.
async fn read(
    memory: Arc<super::Memory>,
    id: Box<str>,
    line: Arc<Line>,
    mut body: Body,
    mut decoder: Decoder,
) {
    loop {
        tokio::select! {
            event = next(&mut body, &mut decoder) => match event {
                Ok(Some(event)) if event.is_message() && !event.data.is_empty() => {
                    line.deliver(&event.data);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            },
            () = line.is_over() => break,
        }
    }
    memory.lines.drop(&id);
    line.hang_up();
}

async fn next(body: &mut Body, decoder: &mut Decoder) -> Result<Option<Event>, BackendError> {
    loop {
        if let Some(event) = decoder.next() {
            return event.map(Some).map_err(|_| BackendError::TooLarge(EVENT_LIMIT));
        }
        match body.frame().await {
            Some(frame) => decoder.push(frame?.into_data().unwrap_or_default()),
            None => return Ok(None),
        }
    }
}

fn no_line() -> BackendError {
    BackendError::BrokenOff("no endpoint was announced on the event stream".to_owned())
}

fn random_id() -> Result<String, BackendError> {
    let mut random = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| BackendError::BrokenOff("no randomness for a session".to_owned()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

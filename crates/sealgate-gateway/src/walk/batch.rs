//! Enters: an array of messages, which only sessions of 2025-03-26 may send. Leaves: the array of
//! their answers, or 202 where nothing in it asks for one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use sealgate_mcp::batch::{self, BatchFault};
use sealgate_mcp::envelope::{Envelope, Malformed};
use sealgate_mcp::method::Method;
use sealgate_mcp::version::Version;

use super::{Record, Worker, fail};
use crate::fail::{Failure, body as error};
use crate::plan::RoutePlan;
use crate::receive::Carriage;
use crate::reply::ReplyBody;

type Running<'a> = Pin<Box<dyn Future<Output = Option<Bytes>> + Send + 'a>>;

/// Whether a body is an array, whatever is in it.
pub(super) fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

impl Worker {
    /// Answers every message of the batch at once, in the order in which they stand.
    pub(super) async fn batch(
        &self,
        route: &Arc<RoutePlan>,
        headers: &HeaderMap,
        body: &Bytes,
        carriage: Carriage,
        record: &mut Record,
    ) -> Response<ReplyBody> {
        record.several("batch", body.len());
        let messages = match self.split(route, headers, body, record) {
            Ok(messages) => messages,
            Err(failure) => return fail(&failure, None, record),
        };
        // Each answer is one JSON message: there is one body for all of them.
        let mut headers = headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let parts = messages.iter().map(|message| {
            let part = record.part();
            Box::pin(self.part(route, &headers, message, carriage, part)) as Running<'_>
        });
        let answers: Vec<_> = all(parts.collect()).await.into_iter().flatten().collect();
        match batch::join(&answers) {
            Some(answers) => ReplyBody::json(answers),
            None => ReplyBody::empty(StatusCode::ACCEPTED),
        }
    }

    fn split(
        &self,
        route: &Arc<RoutePlan>,
        headers: &HeaderMap,
        body: &Bytes,
        record: &mut Record,
    ) -> Result<Vec<Bytes>, Failure> {
        let session = match self.session(route, headers, record) {
            Err(Failure::NoSession) => return Err(Failure::Malformed(Malformed::Batch)),
            session => session?,
        };
        if session.token.version != Version::V2025_03_26 {
            return Err(Failure::Malformed(Malformed::Batch));
        }
        batch::split(body).map_err(|fault| {
            let reason = match fault {
                BatchFault::Malformed(malformed) => return Failure::Malformed(malformed),
                BatchFault::Empty => "the batch is empty",
                BatchFault::TooMany => "the batch has too many messages; send fewer at once",
            };
            Failure::Malformed(Malformed::NotJsonRpc { reason, id: None })
        })
    }

    /// One message of the batch; `None` if it has no answer.
    async fn part(
        &self,
        route: &Arc<RoutePlan>,
        headers: &HeaderMap,
        message: &Bytes,
        carriage: Carriage,
        mut record: Box<Record>,
    ) -> Option<Bytes> {
        let envelope = Envelope::parse(message).ok();
        let id = envelope.as_ref().and_then(|envelope| envelope.id).map(|id| id.get());
        let method = envelope.as_ref().and_then(|envelope| envelope.method.as_deref());
        if method.map(Method::parse) == Some(Method::Initialize) {
            let reason = "initialize cannot be part of a batch";
            let failure = Failure::Malformed(Malformed::NotJsonRpc { reason, id: None });
            record.failed(&failure);
            return Some(error(&failure, id));
        }
        let response = self.message(route, headers, message, carriage, &mut record).await;
        record.status(response.status());
        let limit = self.gateway.limits.held_answer;
        match whole(response.into_body(), limit).await {
            Ok(answer) => {
                record.bytes_out(answer.len());
                (!answer.is_empty()).then_some(answer)
            }
            Err(reason) => {
                let failure = Failure::AnswerLost(reason);
                record.failed(&failure);
                Some(error(&failure, id))
            }
        }
    }
}

async fn whole(mut answer: ReplyBody, limit: usize) -> Result<Bytes, String> {
    let mut all = Bytes::new();
    while let Some(frame) = answer.frame().await {
        let data = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
        if all.len() + data.len() > limit {
            return Err(format!("it is larger than {limit} bytes"));
        }
        all = if all.is_empty() { data } else { [all, data].concat().into() };
    }
    Ok(all)
}

/// Runs all at once.
async fn all(mut running: Vec<Running<'_>>) -> Vec<Option<Bytes>> {
    let mut done: Vec<Option<Option<Bytes>>> = vec![None; running.len()];
    poll_fn(|context| {
        let mut is_pending = false;
        for (place, part) in done.iter_mut().zip(&mut running) {
            if place.is_none() {
                match part.as_mut().poll(context) {
                    Poll::Ready(answer) => *place = Some(answer),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().map(Option::flatten).collect()
}

//! Enters: a modern client's request, ready for a backend of either era. Leaves: what the backend
//! says, as the client understands it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate_config::resolved::EraSetting;
use sealgate_mcp::code;
use sealgate_mcp::envelope::{Envelope, Kind, span};
use sealgate_mcp::reply::{Misbehaved, ReplyEditor, Whole};
use sealgate_mcp::rpc_error::RpcError;
use sealgate_mcp::splice::Splice;
use tokio::time::Instant;

use super::edited::Edited;
use super::hearing::Next;
use super::parked::{Parked, Question, Resumed, Waiting};
use super::{Ending, Hearing, Voice};
use crate::backend::{
    Cancelling, Ear, Exchange, FromLegacy, Lease, Refusal, callable_tools, may_be_uncallable,
};
use crate::fail::{self, BackendError};
use crate::gateway::Gateway;

/// Questions that come within this time are asked together.
const TOGETHER: Duration = Duration::from_millis(50);

/// One request on its way to one backend and back.
pub(crate) struct Conversation {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) client_id: Box<str>,
    pub(crate) upstream_id: Box<str>,
    pub(crate) body: Bytes,
    pub(crate) rules: Rules,
    /// Whether it asks for tools.
    pub(crate) lists_tools: bool,
    /// Whether a refused version is the client's to know: else the era is found out again.
    pub(crate) is_last: bool,
    /// What a parked call is bound to; `None` where calls are not parked.
    pub(crate) bind: Option<Box<[u8]>>,
}

/// How the backend's words become the client's.
pub(crate) enum Rules {
    /// Both are modern: only ids change.
    Same(Exchange),
    /// The backend is a legacy one.
    Across(Lease, FromLegacy),
}

/// A message of the backend, for the client.
pub(crate) enum Said {
    /// The answer and, of an error, its code.
    Answer(Bytes, Option<i64>),
    /// The backend asks the client, which cannot be in the middle of a modern call.
    Asked {
        /// The raw id of the question.
        id: Box<str>,
        /// Its method.
        method: Box<str>,
    },
    /// Concerns nobody.
    Nothing,
    /// Anything else that concerns the client.
    Other(Bytes),
}

impl Conversation {
    /// Sends the request, or goes on with the call that it resumes, and tells the answer.
    pub(crate) async fn run(
        mut self,
        resumed: Option<Box<Resumed>>,
        voice: Voice,
    ) -> Result<Ending, BackendError> {
        if let Some(resumed) = resumed {
            return self.resume(*resumed, voice).await;
        }
        let (mut cancelling, mut ear) = (None, Ear::default());
        let hearing = match &mut self.rules {
            Rules::Same(exchange) => match exchange.open(self.body.clone()).await {
                Ok(opened) => Hearing::of(opened, exchange).await?,
                Err(error) => return Err(self.unopened(error)),
            },
            Rules::Across(lease, _) => {
                lease.attend(self.bind.is_some()).await;
                ear = lease.ear();
                cancelling = Some(lease.cancelling(&self.upstream_id));
                Hearing::opening(lease.exchange().clone(), self.body.clone())
            }
        };
        self.hear(hearing, cancelling, ear, voice).await
    }

    /// What could not even be begun.
    fn unopened(&self, error: BackendError) -> BackendError {
        if error.is_unreachable() {
            self.forget();
        }
        error
    }

    /// Sends the request once more, in another session than the lost one.
    async fn again(&mut self, ear: &mut Ear) -> Result<(Hearing, Cancelling), BackendError> {
        let Rules::Across(lease, _) = &mut self.rules else {
            return Err(BackendError::SessionLost);
        };
        lease.renew(&self.gateway).await?;
        lease.attend(self.bind.is_some()).await;
        *ear = lease.ear();
        let hearing = Hearing::opening(lease.exchange().clone(), self.body.clone());
        Ok((hearing, lease.cancelling(&self.upstream_id)))
    }

    /// Goes on with a call that was parked.
    async fn resume(self, resumed: Resumed, voice: Voice) -> Result<Ending, BackendError> {
        let Resumed { hearing, cancelling, ear, questions, answers } = resumed;
        let (Some(answers), Rules::Across(lease, _)) = (answers, &self.rules) else {
            // Something is missing: it is asked again.
            return self.park(hearing, cancelling, ear, questions);
        };
        for answer in answers {
            lease.exchange().tell(answer.into()).await?;
        }
        self.hear(hearing, cancelling, ear, voice).await
    }

    async fn hear(
        mut self,
        mut hearing: Hearing,
        mut cancelling: Option<Cancelling>,
        mut ear: Ear,
        voice: Voice,
    ) -> Result<Ending, BackendError> {
        let mut questions: Vec<Question> = Vec::new();
        let mut has_renewed = false;
        let ending = loop {
            // A backend that asks several things does so at once.
            let together = async {
                match questions.is_empty() {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(TOGETHER).await,
                }
            };
            let is_opening = hearing.is_opening();
            let next = tokio::select! {
                biased;
                next = hearing.next(|| self.passing()) => next,
                question = ear.next() => Ok(Next::Message(question)),
                () = together => return self.park(hearing, cancelling, ear, questions),
            };
            let message = match next {
                Ok(Next::Message(message)) => message,
                Ok(Next::Large(answer)) => break self.large(*answer).await?,
                Err(error) if is_opening => {
                    if let Some(cancelling) = cancelling.as_mut().filter(|_| !error.is_overdue()) {
                        // It never ran, or it is over.
                        cancelling.answered();
                    }
                    let is_lost = matches!(error, BackendError::SessionLost);
                    if !is_lost || std::mem::replace(&mut has_renewed, true) {
                        return Err(self.unopened(error));
                    }
                    let (again, guard) = self.again(&mut ear).await?;
                    (hearing, cancelling) = (again, Some(guard));
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.read(&message)? {
                Said::Answer(message, code) => break Ending::Message(message, code),
                Said::Asked { method, .. } if self.may_park(&method) => {
                    questions.extend(Question::read(&message));
                }
                Said::Asked { id, method } => {
                    if let Some(ending) = self.refuse(&id, &method) {
                        // The backend runs on without an answer: it is told to stop.
                        return Ok(ending);
                    }
                }
                Said::Nothing => {}
                Said::Other(message) => {
                    // Who has gone drops this conversation; who only waits has no ear for it.
                    let _ = voice.send(message).await;
                }
            }
        };
        if let Some(cancelling) = &mut cancelling {
            cancelling.answered();
        }
        Ok(ending)
    }

    /// A large answer streams; unless it is an error, or tools, which are looked through: some of
    /// them a client must not see.
    async fn large(&self, mut answer: Edited) -> Result<Ending, BackendError> {
        let is_error = answer.is_error().await?;
        if !is_error && !self.lists_tools {
            return Ok(Ending::Streamed(Box::new(answer)));
        }
        let whole = answer.rest().await?;
        let said = match &self.rules {
            _ if self.lists_tools => Some(self.read(&whole)?),
            Rules::Across(_, rules) => {
                let envelope = Envelope::parse_reply(&whole).ok();
                let error = envelope.and_then(|envelope| envelope.error);
                error.and_then(|error| rules.error(error, &self.client_id))
            }
            Rules::Same(_) => None,
        };
        match said {
            Some(Said::Answer(message, code)) => Ok(Ending::Message(message, code)),
            _ => {
                let code = self.code(&whole);
                Ok(Ending::Message(whole, code))
            }
        }
    }

    /// Whether a question of this kind lets the call wait for its client.
    fn may_park(&self, question: &str) -> bool {
        let Rules::Across(_, rules) = &self.rules else { return false };
        self.bind.is_some() && rules.may_ask(question)
    }

    /// Lets the call wait for its client's answers.
    fn park(
        self,
        hearing: Hearing,
        cancelling: Option<Cancelling>,
        ear: Ear,
        questions: Vec<Question>,
    ) -> Result<Ending, BackendError> {
        let gateway = Arc::clone(&self.gateway);
        let since = Instant::now();
        let waiting = Waiting { conversation: self, hearing, cancelling, ear, questions, since };
        match Parked::park(&gateway, waiting) {
            Ok(message) => Ok(Ending::Message(message, None)),
            Err(_) => Err(BackendError::AsksTooMuch),
        }
    }

    /// The same for who waits for the answer and nothing else, however large it is.
    pub(crate) async fn held(
        self,
        resumed: Option<Box<Resumed>>,
        voice: Voice,
    ) -> Result<Ending, BackendError> {
        match self.run(resumed, voice).await? {
            Ending::Streamed(edited) => Ok(Ending::Message(edited.rest().await?, None)),
            ending => Ok(ending),
        }
    }

    /// Makes the client's answer of the backend's.
    fn editor(&self) -> ReplyEditor {
        let editor = ReplyEditor::new(&self.client_id).expecting(&self.upstream_id);
        match &self.rules {
            Rules::Same(_) => editor,
            Rules::Across(_, rules) => rules.complete(editor),
        }
    }

    /// The same for a large one. Tools are read once more when they are all there, so that they
    /// stay as they are until then.
    fn passing(&self) -> ReplyEditor {
        match self.lists_tools {
            true => ReplyEditor::new(&self.upstream_id).expecting(&self.upstream_id),
            false => self.editor(),
        }
    }

    fn read(&self, data: &Bytes) -> Result<Said, BackendError> {
        let broken = |error: Misbehaved| BackendError::NotJsonRpc(error.to_string());
        if let Rules::Across(lease, rules) = &self.rules {
            let envelope = Envelope::parse_reply(data).map_err(|error| broken(error.into()))?;
            if let Some(said) = rules.read(data, &envelope, &self.client_id, &self.upstream_id) {
                if let (Said::Nothing, Kind::Notification) = (&said, envelope.kind()) {
                    lease.announce(data);
                }
                return Ok(said);
            }
        }
        let callable = self.callable(data);
        let data = callable.as_ref().unwrap_or(data);
        match self.editor().whole(data) {
            Ok(Whole::Response { message, is_error }) => {
                let code = is_error.then(|| self.code(&message)).flatten();
                if code == Some(code::UNSUPPORTED_PROTOCOL_VERSION) && self.may_be_another() {
                    return Err(BackendError::EraFound);
                }
                Ok(Said::Answer(message, code))
            }
            Ok(Whole::Notification(message)) => Ok(Said::Other(message)),
            Ok(Whole::Request(_)) | Err(Misbehaved::OtherId) => Ok(Said::Nothing),
            Err(error) => Err(broken(error)),
        }
    }

    /// A modern backend's tools without those that cannot be called over HTTP, if there are any.
    fn callable(&self, data: &Bytes) -> Option<Bytes> {
        if !self.lists_tools || !may_be_uncallable(data) {
            return None;
        }
        let envelope = Envelope::parse_reply(data).ok()?;
        let result = envelope.result?;
        let kept = callable_tools(result)?;
        let mut splice = Splice::new(data);
        splice.replace(span(data, result), kept);
        Some(splice.finish())
    }

    /// The code of an error answer; one that shows another era than remembered is looked into at
    /// the next request.
    fn code(&self, message: &Bytes) -> Option<i64> {
        let envelope = Envelope::parse_reply(message).ok()?;
        let code = RpcError::parse(envelope.error?).ok()?.code;
        if code == code::UNSUPPORTED_PROTOCOL_VERSION {
            self.forget();
        }
        Some(code)
    }

    /// Whether a refused version may mean that the backend's era is another than remembered.
    fn may_be_another(&self) -> bool {
        let Rules::Same(exchange) = &self.rules else { return false };
        !self.is_last && exchange.backend().era == EraSetting::Auto
    }

    fn exchange(&self) -> &Exchange {
        match &self.rules {
            Rules::Same(exchange) => exchange,
            Rules::Across(lease, _) => lease.exchange(),
        }
    }

    fn forget(&self) {
        self.exchange().backend().memory.forget();
    }

    /// Answers a question of a legacy backend; where only the client could have, ends the call.
    fn refuse(&self, id: &str, method: &str) -> Option<Ending> {
        let Rules::Across(lease, rules) = &self.rules else { return None };
        let Refusal { answer, failure } =
            rules.refuse(id, method, &lease.exchange().backend().name);
        lease.tell_later(answer);
        let failure = failure?;
        let message = fail::body(&failure, Some(&self.client_id));
        Some(Ending::Message(message, Some(failure.code())))
    }
}

//! Enters: a request that the backend did not want yet. Leaves: how long to wait before it is sent
//! again, or that its sender has to be told.

use std::time::Duration;

use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::method::Method;
use tokio::time::Instant;

use crate::seal::Draft;

/// The longest that a request is held back, all waits together, whatever its deadline.
const LONGEST: Duration = Duration::from_secs(300);
/// The first wait where the backend names none; it doubles with each try.
const FIRST: Duration = Duration::from_millis(250);
/// The longest of those.
const STEP: Duration = Duration::from_secs(8);
/// Tries after which the backend's word is taken as its last.
const TRIES: u32 = 12;

/// The time that one request has.
pub(super) struct Patience {
    began: Instant,
    within: Duration,
    give_up: Instant,
    tries: u32,
    /// Whether something was waited for since the request was first sent.
    counting: bool,
}

impl Patience {
    /// For a request whose answer has to begin `within` this time, waits included.
    pub(super) fn new(within: Duration) -> Self {
        let now = Instant::now();
        Self { began: now, within, give_up: now + within.min(LONGEST), tries: 0, counting: false }
    }

    /// What is left of the deadline.
    pub(super) fn left(&self) -> Duration {
        if self.counting {
            return self.rest();
        }
        // To the letter, as it is told when it passes.
        self.within
    }

    /// What is left of the deadline for something else than the request itself, whose time counts
    /// from now on.
    pub(super) fn spend(&mut self) -> Duration {
        self.counting = true;
        self.rest()
    }

    fn rest(&self) -> Duration {
        self.within.saturating_sub(self.began.elapsed())
    }

    /// How long to wait before `draft` is sent again; `None` where it may not be, or where the
    /// time that is left is too short to do as the backend `asked`.
    pub(super) fn wait(&mut self, draft: &Draft<'_>, asked: Option<Duration>) -> Option<Duration> {
        if self.tries >= TRIES || !is_repeatable(draft) {
            return None;
        }
        let step = FIRST.saturating_mul(1 << self.tries.min(8)).min(STEP);
        self.tries += 1;
        self.counting = true;
        let wait = match asked {
            // Never sooner than asked, and not all at the same moment.
            Some(asked) => asked + step.mul_f64(chance()),
            None => step.mul_f64(0.5 + 0.5 * chance()),
        };
        (Instant::now() + wait < self.give_up).then_some(wait)
    }
}

/// Whether it does no harm to have said it twice. A tool may do anything; of methods that nobody
/// here knows the same is assumed.
fn is_repeatable(draft: &Draft<'_>) -> bool {
    if draft.method != http::Method::POST {
        return true;
    }
    let Ok(message) = Envelope::parse(&draft.body) else {
        return Envelope::parse_reply(&draft.body).is_ok();
    };
    let Some(method) = message.method.as_deref().map(Method::parse) else { return true };
    message.kind() == Kind::Notification
        || !matches!(method, Method::ToolsCall | Method::TasksUpdate | Method::Other(_))
}

/// Somewhere in 0..1.
fn chance() -> f64 {
    let mut bytes = [0; 2];
    // Without randomness replicas merely meet.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u16::from_be_bytes(bytes)) / 65_536.0
}

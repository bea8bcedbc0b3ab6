//! Enters: [`Authenticated`]. Leaves: a [`Permit`], the only way into `method`: proof that this
//! principal may use this method on this target.

use std::borrow::Cow;

use sealgate_mcp::envelope::Kind;
use sealgate_mcp::method::Method;

use crate::authenticate::{Authenticated, Principal};
use crate::fail::Failure;
use crate::receive::Received;

/// Proof that authorization said yes.
pub(crate) struct Permit<'a> {
    pub(crate) received: Received<'a>,
    pub(crate) principal: Principal,
    pub(crate) target: Target,
}

/// What the permit is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Every backend of the route, or the gateway itself.
    Route,
    /// One named thing of one backend.
    Named {
        /// Index of the backend in the route.
        backend: usize,
        /// The thing's name there.
        name: String,
    },
}

/// Decides.
///
/// # Errors
/// [`Failure::UnknownName`] for what is unknown and for what is not allowed alike, so that nobody
/// learns what exists; [`Failure::InvalidParams`] without a name.
pub(crate) fn authorize(authenticated: Authenticated<'_>) -> Result<Permit<'_>, Failure> {
    let Authenticated { received, principal } = authenticated;
    let target = target(&received)?;
    Ok(Permit { received, principal, target })
}

fn target(received: &Received<'_>) -> Result<Target, Failure> {
    if received.kind != Kind::Request {
        return Ok(Target::Route);
    }
    let kind = match received.method() {
        Some(Method::ToolsCall) => "tool",
        Some(Method::PromptsGet) => "prompt",
        _ => return Ok(Target::Route),
    };
    let name = received.message.params.as_ref().and_then(|params| params.name.as_ref());
    let Some(name) = name else {
        return Err(Failure::InvalidParams(format!("params.name of the {kind} is missing")));
    };
    let unknown =
        |name: &Cow<'_, str>| Failure::UnknownName { kind, name: name.chars().take(200).collect() };
    let (index, bare) = received.route.owner(&name.value).ok_or_else(|| unknown(&name.value))?;
    if kind == "tool" && !received.route.backends[index].tools.allows(bare) {
        return Err(unknown(&name.value));
    }
    Ok(Target::Named { backend: index, name: bare.to_owned() })
}

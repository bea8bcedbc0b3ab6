//! Enters: [`Received`]. Leaves: [`Authenticated`], the same with the caller's proved identity.

use crate::fail::Failure;
use crate::receive::Received;

/// Who calls, as proved. Sessions and caches are bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// The route asks for no proof.
    Anonymous,
}

/// A message whose sender is known.
pub(crate) struct Authenticated<'a> {
    pub(crate) received: Received<'a>,
    pub(crate) principal: Principal,
}

impl Principal {
    /// What sessions are bound to: equal for the same caller, different for any other.
    pub(crate) fn digest(&self) -> [u8; 16] {
        match self {
            Self::Anonymous => [0; 16],
        }
    }
}

/// Proves who calls.
///
/// # Errors
/// None yet: routes that ask for authentication are refused when they are loaded.
pub(crate) fn authenticate(received: Received<'_>) -> Result<Authenticated<'_>, Failure> {
    Ok(Authenticated { received, principal: principal() })
}

/// Proves who opens or closes a stream, where there is no message.
pub(crate) fn principal() -> Principal {
    Principal::Anonymous
}

//! The session token: all that a legacy session is → the text of `Mcp-Session-Id`, and back. A
//! replica that holds the same seeds needs nothing else.

mod binary;
mod phrases;

use crate::capability::Offers;
use crate::era::Era;
use crate::keyring::{Keyring, Purpose, TokenError};
use crate::log_level::LogLevel;
use crate::version::Version;

/// The longest token, in characters: it travels in a header, and some servers in between allow
/// 8 KiB for all of them.
pub const MAX_TOKEN: usize = 6 * 1024;
/// The longest client capabilities kept, in bytes of JSON without blanks.
pub const MAX_CAPABILITIES: usize = 2 * 1024;
/// The longest client name and version kept, in bytes; longer ones are cut.
pub const MAX_CLIENT_TEXT: usize = 64;

/// A legacy session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionToken {
    /// Which route it was opened on: a hash of the route's name.
    pub route: u64,
    /// Who opened it: a digest of the principal.
    pub principal: [u8; 16],
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
    /// The version agreed on with the client.
    pub version: Version,
    /// The level set by `logging/setLevel`.
    pub log_level: Option<LogLevel>,
    /// What the client said about itself.
    pub client: ClientFacts,
    /// The sessions behind it, in the order of the route's backends.
    pub backends: Vec<BackendSession>,
}

/// What a client says about itself in `initialize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFacts {
    /// `capabilities`: a JSON object, without blanks.
    pub capabilities: Box<str>,
    /// `clientInfo.name`, cut to [`MAX_CLIENT_TEXT`].
    pub name: Box<str>,
    /// `clientInfo.version`, cut to [`MAX_CLIENT_TEXT`].
    pub version: Box<str>,
}

/// A session at one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSession {
    /// Which backend: a hash of its name.
    pub backend: u32,
    /// Its `Mcp-Session-Id`, if it gave one.
    pub session_id: Option<Box<str>>,
    /// The era, and for legacy the version, that it speaks.
    pub era: Era,
    /// What it offers.
    pub offers: Offers,
}

/// A session that is not to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionFault {
    /// The token does not open.
    #[error("the session id is not valid: {0}; open a new session with `initialize`")]
    Token(#[from] TokenError),
    /// The token opens, but to something that this release does not read.
    #[error("the session id is of another release; open a new session with `initialize`")]
    Unreadable,
    /// Its time is over.
    #[error("the session has expired; open a new one with `initialize`")]
    Expired,
    /// It was opened on another route.
    #[error("the session belongs to another route; open one here with `initialize`")]
    OtherRoute,
    /// It was opened by someone else.
    #[error("the session belongs to another caller; open one with `initialize`")]
    OtherPrincipal,
    /// The client's capabilities are longer than [`MAX_CAPABILITIES`].
    #[error("`capabilities` is longer than {MAX_CAPABILITIES} bytes; declare less")]
    CapabilitiesTooLong,
    /// The token would be longer than [`MAX_TOKEN`].
    #[error(
        "the session id would be longer than {MAX_TOKEN} characters: \
         too many backends with too long session ids"
    )]
    TokenTooLong,
}

impl SessionToken {
    /// Seals the session into the text of `Mcp-Session-Id`.
    ///
    /// # Errors
    /// [`SessionFault::TokenTooLong`], or [`SessionFault::Token`] without random numbers.
    pub fn seal(&self, keyring: &Keyring) -> Result<String, SessionFault> {
        let token = keyring.seal(Purpose::Session, b"", &binary::encode(self))?;
        if token.len() > MAX_TOKEN { Err(SessionFault::TokenTooLong) } else { Ok(token) }
    }

    /// Opens a session token. It is genuine, but not yet anyone's: see [`SessionToken::admit`].
    ///
    /// # Errors
    /// [`SessionFault::Token`] or [`SessionFault::Unreadable`].
    pub fn open(keyring: &Keyring, token: &str) -> Result<Self, SessionFault> {
        if token.len() > MAX_TOKEN {
            return Err(SessionFault::Token(TokenError::Foreign));
        }
        let plain = keyring.open(Purpose::Session, b"", token)?;
        binary::decode(&plain).ok_or(SessionFault::Unreadable)
    }

    /// Checks that the session is still good, for this route and this caller. `now` is in seconds
    /// since 1970.
    ///
    /// # Errors
    /// Which of the three it is not.
    pub fn admit(&self, route: u64, principal: &[u8; 16], now: u64) -> Result<(), SessionFault> {
        if self.route != route {
            return Err(SessionFault::OtherRoute);
        }
        if self.principal != *principal {
            return Err(SessionFault::OtherPrincipal);
        }
        if self.expires_at <= now {
            return Err(SessionFault::Expired);
        }
        Ok(())
    }

    /// The session at the backend with this hash.
    pub fn backend(&self, hash: u32) -> Option<&BackendSession> {
        self.backends.iter().find(|session| session.backend == hash)
    }
}

impl ClientFacts {
    /// Takes what `initialize` says, `capabilities` being valid JSON, and bounds it.
    ///
    /// # Errors
    /// [`SessionFault::CapabilitiesTooLong`]: cutting them would change what the client can do.
    pub fn new(capabilities: &str, name: &str, version: &str) -> Result<Self, SessionFault> {
        let capabilities = without_blanks(capabilities);
        if capabilities.len() > MAX_CAPABILITIES {
            return Err(SessionFault::CapabilitiesTooLong);
        }
        let (name, version) = (cut(name).into(), cut(version).into());
        Ok(Self { capabilities: capabilities.into(), name, version })
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_CLIENT_TEXT)]
}

/// Drops the blanks between the tokens of valid JSON.
fn without_blanks(json: &str) -> String {
    let mut is_string = false;
    let mut is_escaped = false;
    json.chars()
        .filter(|letter| {
            if is_string {
                let ends = *letter == '"' && !is_escaped;
                is_escaped = *letter == '\\' && !is_escaped;
                is_string = !ends;
                return true;
            }
            is_string = *letter == '"';
            !matches!(letter, ' ' | '\t' | '\n' | '\r')
        })
        .collect()
}

#[cfg(test)]
mod tests;

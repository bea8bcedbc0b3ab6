//! Names: a backend's name and a tool's or prompt's ↔ the name under which clients know it.

/// What stands between the backend's name and its tool's.
pub const SEPARATOR: &str = "__";
/// The longest name that MCP suggests for tools (2025-11-25), in characters.
pub const MAX_LENGTH: usize = 128;
/// The longest name that the tool interfaces of common model providers take, in characters.
pub const MODEL_LENGTH: usize = 64;

/// A name that clients, or the models behind them, may not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// No name at all.
    #[error("a name is empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error(
        "`{name}` has {length} characters, MCP suggests {MAX_LENGTH} at most; give the backend a shorter name"
    )]
    TooLong {
        /// The start of the name.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// Longer than [`MODEL_LENGTH`]: a warning.
    #[error(
        "`{name}` has {length} characters, many models take {MODEL_LENGTH} at most; give the backend a shorter name"
    )]
    TooLongForModels {
        /// The name.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// A character that MCP does not suggest: a warning.
    #[error("`{name}` has {letter:?}; MCP suggests letters, digits, `_`, `-` and `.` only")]
    OddCharacter {
        /// The name.
        name: String,
        /// The first such character.
        letter: char,
    },
}

/// The name under which clients know `name` of `backend`.
pub fn join(backend: &str, name: &str) -> String {
    [backend, SEPARATOR, name].concat()
}

/// `name` as a JSON string, quotes included.
pub fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    match name.bytes().all(is_plain) {
        true => ["\"", name, "\""].concat(),
        false => serde_json::Value::from(name).to_string(),
    }
}

/// Splits at the first separator. A backend's name may itself contain one: whoever knows the
/// backends tries the longest name first.
pub fn split(name: &str) -> Option<(&str, &str)> {
    name.split_once(SEPARATOR)
}

/// Every way to split `name`, the longest backend name first.
pub fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = (0..name.len()).rev().filter(|at| name[..].as_bytes()[*at..].starts_with(b"__"));
    ends.map(|at| (&name[..at], &name[at + SEPARATOR.len()..]))
}

/// Checks a name that clients will see.
///
/// # Errors
/// The first [`NameFault`]; only the first two make the name unfit, the others are for a warning.
pub fn check(name: &str) -> Result<(), NameFault> {
    let length = name.chars().count();
    let odd = name
        .chars()
        .find(|letter| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.'));
    match (length, odd) {
        (0, _) => Err(NameFault::Empty),
        (length, _) if length > MAX_LENGTH => {
            let name = name.chars().take(MAX_LENGTH).collect();
            Err(NameFault::TooLong { name, length })
        }
        (length, _) if length > MODEL_LENGTH => {
            Err(NameFault::TooLongForModels { name: name.to_owned(), length })
        }
        (_, Some(letter)) => Err(NameFault::OddCharacter { name: name.to_owned(), letter }),
        (_, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests;

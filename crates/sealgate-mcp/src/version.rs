//! Protocol versions: the date string of a message → [`Version`], and what each one can do.

use std::fmt;

/// A revision of the Model Context Protocol that this crate speaks, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Version {
    /// `2024-11-05`: stdio, and HTTP with a separate SSE endpoint.
    V2024_11_05 = 1,
    /// `2025-03-26`: Streamable HTTP, sessions, batches.
    V2025_03_26 = 2,
    /// `2025-06-18`: no batches, the version header, elicitation, structured output.
    V2025_06_18 = 3,
    /// `2025-11-25`: URL elicitation, experimental tasks, SSE polling.
    V2025_11_25 = 4,
    /// `2026-07-28`: the modern era; stateless, every request describes itself.
    V2026_07_28 = 5,
}

/// The newest version with an `initialize` handshake.
pub const LATEST_LEGACY: Version = Version::V2025_11_25;
/// The newest version of all.
pub const LATEST: Version = Version::V2026_07_28;

/// What the server answers to `initialize` that asks for `requested`: the same version if it is a
/// legacy one spoken here, else [`LATEST_LEGACY`]. A modern version is never agreed on this way:
/// it has no handshake.
pub fn negotiate_legacy(requested: &str) -> Version {
    match Version::parse(requested) {
        Some(version) if !version.is_modern() => version,
        _ => LATEST_LEGACY,
    }
}

/// Whether `text`, a version known or not, stands at or after the modern era. Version strings are
/// dates, so they compare as text; anything that is not a date is not modern.
pub fn names_modern(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_date = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date && text >= LATEST.as_str()
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The version that `text` names exactly, if it is spoken here.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The version behind its number in a session token (see [`Version::number`]).
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The date as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// A stable number of one byte, for tokens. Numbers are never reused.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether requests describe themselves (`_meta`) instead of living in a session.
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Whether a body may be an array of messages.
    pub fn allows_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// Whether requests after `initialize` carry `MCP-Protocol-Version`.
    pub fn has_version_header(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// Whether headers must mirror the body (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`).
    pub fn mirrors_headers(self) -> bool {
        self.is_modern()
    }

    /// Whether the server may ask the user something (`elicitation/create`) at all.
    pub fn has_elicitation(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// Whether elicitation has a `mode` (form or url); before, there were only forms.
    pub fn has_elicitation_mode(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Whether the tasks of the core (`task` in params) exist; modern tasks are an extension.
    pub fn has_core_tasks(self) -> bool {
        self == Self::V2025_11_25
    }

    /// Whether a tool's result may have `structuredContent`.
    pub fn has_structured_content(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// Whether `structuredContent` and `outputSchema` may be other than objects.
    pub fn has_free_structured_content(self) -> bool {
        self.is_modern()
    }

    /// Whether an SSE stream may open with a priming event (an id, no data).
    pub fn has_priming_events(self) -> bool {
        self == Self::V2025_11_25
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;

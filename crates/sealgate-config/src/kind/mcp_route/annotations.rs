//! `sealgate.dev/` annotations of an MCPRoute in, what they set out.

use crate::finding::Severity;
use crate::kind::Metadata;
use crate::report::At;
use crate::resolved::UriMode;
use crate::suggest::did_you_mean;

/// What `sealgate.dev/` annotations say.
#[derive(Default)]
pub(crate) struct RouteAnnotations {
    /// Whether clients of 2024-11-05 are served; as the command line says, unless it is here.
    pub(crate) legacy_sse: Option<bool>,
    pub(crate) uris: UriMode,
}

// === impl RouteAnnotations ===

impl RouteAnnotations {
    const KEYS: [&'static str; 2] = ["legacy-sse", "resource-uris"];

    pub(super) fn read(metadata: &Metadata) -> Self {
        let mut read = Self::default();
        for (key, text, at) in metadata.annotations("sealgate.dev/") {
            match (key, text) {
                ("legacy-sse", "enabled") => read.legacy_sse = Some(true),
                ("legacy-sse", "disabled") => read.legacy_sse = Some(false),
                ("legacy-sse", _) => unsupported(at, text, ["enabled", "disabled"]),
                ("resource-uris", "keep") => read.uris = UriMode::Keep,
                ("resource-uris", "prefix") => read.uris = UriMode::Prefix,
                ("resource-uris", _) => unsupported(at, text, ["keep", "prefix"]),
                _ => {
                    let message = format!("unknown annotation \"sealgate.dev/{key}\"");
                    let help = did_you_mean(key, Self::KEYS);
                    at.say(Severity::Warning, "unknown-annotation", message, help);
                }
            }
        }
        read
    }
}

fn unsupported(at: &At, text: &str, [one, other]: [&str; 2]) {
    let message = format!("Unsupported value: {text:?}: supported values: \"{one}\", \"{other}\"");
    at.invalid("unsupported-value", message);
}

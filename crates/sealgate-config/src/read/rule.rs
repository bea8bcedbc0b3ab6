//! What text may look like: lengths and patterns of the published schema.

use std::time::Duration;

/// As published; what is accepted is an address.
const IP_PATTERN: &str = r"^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$";

/// Limits on a text.
pub(crate) struct Shape {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) rule: Option<Rule>,
}

/// A pattern as published, and a function that decides it.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pattern: &'static str,
    accepts: fn(&str) -> bool,
}

// === impl Shape ===

impl Shape {
    pub(crate) const ANY: Self = Self::length(0, usize::MAX);
    pub(crate) const NON_EMPTY: Self = Self::length(1, usize::MAX);
    pub(crate) const PATH: Self = Self::length(0, 1024);
    pub(crate) const OBJECT_NAME: Self = Self::length(1, 253);
    pub(crate) const NAMESPACE: Self = Self::length(1, 63).with(Rule::LABEL);
    pub(crate) const GROUP: Self = Self::length(0, 253).with(Rule::GROUP);
    pub(crate) const KIND: Self = Self::length(1, 63).with(Rule::KIND);
    pub(crate) const SECTION: Self = Self::length(1, 253).with(Rule::SUBDOMAIN);
    pub(crate) const HOSTNAME: Self = Self::length(1, 253).with(Rule::HOST_PATTERN);
    pub(crate) const PRECISE_HOSTNAME: Self = Self::length(1, 253).with(Rule::SUBDOMAIN);
    pub(crate) const HEADER_NAME: Self = Self::length(1, 256).with(Rule::HEADER);
    pub(crate) const HEADER_VALUE: Self = Self::length(1, 4096);
    pub(crate) const CEL: Self = Self::length(0, 4096);
    pub(crate) const DURATION: Self = Self::length(0, usize::MAX).with(Rule::DURATION);
    pub(crate) const IP: Self = Self::length(3, 45).with(Rule::IP);
    pub(crate) const URI: Self = Self::length(0, usize::MAX).with(Rule::URI);
    pub(crate) const ABSOLUTE_URI: Self = Self::length(1, 253).with(Rule::ABSOLUTE_URI);

    pub(crate) const fn length(min: usize, max: usize) -> Self {
        Self { min, max, rule: None }
    }

    pub(crate) const fn with(self, rule: Rule) -> Self {
        Self { min: self.min, max: self.max, rule: Some(rule) }
    }

    /// As a fact about the place where such a text is read.
    pub(super) fn fact(&self) -> super::Fact {
        let pattern = self.rule.map(|rule| rule.pattern);
        super::Fact::Text { min: self.min, max: self.max, pattern }
    }

    /// What is wrong with `text`, in the API server's words.
    pub(super) fn check(&self, text: &str, path: &str) -> Option<(&'static str, String)> {
        let length = text.chars().count();
        if length < self.min {
            let min = self.min;
            let problem = format!(
                "Invalid value: {text:?}: {path} in body should be at least {min} chars long"
            );
            return Some(("too-short", problem));
        }
        if length > self.max {
            return Some((
                "too-long",
                format!("Too long: may not be more than {} bytes", self.max),
            ));
        }
        let rule = self.rule.filter(|rule| !(rule.accepts)(text))?;
        let pattern = rule.pattern;
        let problem = if pattern == "uri" {
            format!("Invalid value: {text:?}: {path} in body must be of type uri: {text:?}")
        } else {
            format!("Invalid value: {text:?}: {path} in body should match '{pattern}'")
        };
        Some(("pattern", problem))
    }
}

// === impl Rule ===

impl Rule {
    const LABEL: Self = Self { pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", accepts: is_label };
    const SUBDOMAIN: Self = Self {
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        accepts: is_subdomain,
    };
    const GROUP: Self = Self {
        pattern: r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        accepts: |text| text.is_empty() || is_subdomain(text),
    };
    const HOST_PATTERN: Self = Self {
        pattern: r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        accepts: |text| is_subdomain(text.strip_prefix("*.").unwrap_or(text)),
    };
    const KIND: Self = Self {
        pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        accepts: |text| {
            text.starts_with(|first: char| first.is_ascii_alphabetic())
                && !text.ends_with('-')
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        },
    };
    const HEADER: Self = Self {
        pattern: r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$",
        accepts: |text| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        },
    };
    const DURATION: Self =
        Self { pattern: "^([0-9]{1,5}(h|m|s|ms)){1,4}$", accepts: |text| duration(text).is_some() };
    const IP: Self =
        Self { pattern: IP_PATTERN, accepts: |text| text.parse::<std::net::IpAddr>().is_ok() };
    const ABSOLUTE_URI: Self = Self {
        pattern: r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?",
        accepts: |text| {
            let scheme = text.split([':', '/', '?', '#']).next().unwrap_or_default();
            !scheme.is_empty() && text[scheme.len()..].starts_with("://")
        },
    };
    const URI: Self = Self {
        pattern: "uri",
        accepts: |text| {
            text.split_once(':').is_some_and(|(scheme, rest)| {
                scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                    && !rest.is_empty()
                    && rest.bytes().all(|byte| byte.is_ascii_graphic())
            })
        },
    };
}

fn is_label(text: &str) -> bool {
    let edge = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// Reads `^([0-9]{1,5}(h|m|s|ms)){1,4}$`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| (1..=5).contains(n))?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) = if rest.starts_with("ms") {
            (Duration::from_millis(number), 2)
        } else {
            let seconds = match rest.as_bytes().first()? {
                b'h' => 3600,
                b'm' => 60,
                b's' => 1,
                _ => return None,
            };
            (Duration::from_secs(number * seconds), 1)
        };
        total += unit;
        rest = &rest[length..];
        parts += 1;
    }
    (1..=4).contains(&parts).then_some(total)
}

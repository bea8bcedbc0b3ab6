//! Enters the headers of a request, leaves those that are signed, sorted, in canonical form.

use http::header::{HeaderMap, HeaderName};

pub(super) const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(super) const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) const X_AMZ_REGION_SET: HeaderName = HeaderName::from_static("x-amz-region-set");
pub(super) const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What belongs to one connection, what hops rewrite or add to (AWS's own load balancers among
/// them), and what carries the signature itself: the SDKs sign none of these.
const NEVER_SIGNED: [&str; 17] = [
    "authorization",
    "baggage",
    "connection",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-amzn-trace-id",
];

/// Whether a header may be named to
/// [`with_signed_headers`](super::Signer::with_signed_headers): a signature that covers one of
/// those that may not breaks on the way.
pub fn is_signable(name: &HeaderName) -> bool {
    let name = name.as_str();
    !NEVER_SIGNED.contains(&name) && !name.starts_with("x-forwarded-")
}

/// The headers of one request that take part in its signature.
pub(super) struct Signed<'a> {
    pub(super) incoming: &'a HeaderMap,
    pub(super) extra: &'a [HeaderName],
    pub(super) host: &'a str,
    pub(super) date: &'a [u8],
    pub(super) content_sha256: Option<&'a [u8]>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) region_set: Option<&'a [u8]>,
}

/// A header's name and raw value.
type Entry<'a> = (&'a str, &'a [u8]);

/// The signed headers of one request in canonical order; so few that they fit on the stack.
pub(super) struct Sorted<'a> {
    few: [Entry<'a>; FEW],
    count: usize,
    /// All of them, once they are too many.
    many: Vec<Entry<'a>>,
}

/// More than any request to an MCP server has.
const FEW: usize = 16;

impl<'a> Sorted<'a> {
    /// Values of one name stay in their order.
    fn insert(&mut self, entry: Entry<'a>) {
        if self.count == FEW && self.many.is_empty() {
            self.many = self.few.to_vec();
        }
        if !self.many.is_empty() {
            let place = self.many.partition_point(|other| other.0 <= entry.0);
            self.many.insert(place, entry);
            return;
        }
        let mut place = self.count;
        while place > 0 && self.few[place - 1].0 > entry.0 {
            self.few[place] = self.few[place - 1];
            place -= 1;
        }
        self.few[place] = entry;
        self.count += 1;
    }
}

impl<'a> std::ops::Deref for Sorted<'a> {
    type Target = [Entry<'a>];

    fn deref(&self) -> &[Entry<'a>] {
        if self.many.is_empty() { &self.few[..self.count] } else { &self.many }
    }
}

impl<'a> Signed<'a> {
    /// The signed headers. An empty date leaves `x-amz-date` out, as a presigned URL wants it.
    pub(super) fn sorted(&self) -> Sorted<'a> {
        let mut sorted = Sorted { few: [("", &[][..]); FEW], count: 0, many: Vec::new() };
        for (name, value) in self.incoming {
            if self.takes_part(name) {
                sorted.insert((name.as_str(), value.as_bytes()));
            }
        }
        sorted.insert(("host", self.host.as_bytes()));
        let date = Some(self.date).filter(|date| !date.is_empty());
        let optional = [
            ("x-amz-content-sha256", self.content_sha256),
            ("x-amz-date", date),
            ("x-amz-region-set", self.region_set),
            ("x-amz-security-token", self.token),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                sorted.insert((name, value));
            }
        }
        sorted
    }

    fn takes_part(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        match text {
            "authorization"
            | "host"
            | "x-amz-content-sha256"
            | "x-amz-date"
            | "x-amz-region-set"
            | "x-amz-security-token" => false,
            "content-type" => true,
            _ => {
                text.starts_with("x-amz-")
                    || text.starts_with("mcp-")
                    || text.starts_with("x-amzn-bedrock-agentcore-")
                    || self.extra.contains(name)
            }
        }
    }
}

/// Removes what an earlier signature left; looking is cheaper than removing.
pub(super) fn drop_stale(headers: &mut HeaderMap, name: &HeaderName) {
    if headers.keys().any(|other| other == name) {
        headers.remove(name);
    }
}

/// Appends a header value without outer white space and with inner runs of it as one space.
pub(super) fn append_value(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        out.extend_from_slice(value);
        return;
    }
    let mut words =
        value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        out.extend_from_slice(first);
    }
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

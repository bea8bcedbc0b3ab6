//! Enters the headers of a request, leaves those that are signed, sorted, in canonical form.

use http::header::{HeaderMap, HeaderName};

pub(super) const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(super) const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) const X_AMZ_REGION_SET: HeaderName = HeaderName::from_static("x-amz-region-set");
pub(super) const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

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

impl<'a> Signed<'a> {
    /// Name and raw value of each signed header, in canonical order; values of one name stay in
    /// their order. An empty date leaves `x-amz-date` out, as a presigned URL wants it.
    pub(super) fn sorted(&self) -> Vec<(&'a str, &'a [u8])> {
        let mut list: Vec<(&str, &[u8])> = Vec::with_capacity(self.incoming.len() + 5);
        for (name, value) in self.incoming {
            if self.takes_part(name) {
                list.push((name.as_str(), value.as_bytes()));
            }
        }
        list.push(("host", self.host.as_bytes()));
        if !self.date.is_empty() {
            list.push(("x-amz-date", self.date));
        }
        let optional = [
            ("x-amz-content-sha256", self.content_sha256),
            ("x-amz-security-token", self.token),
            ("x-amz-region-set", self.region_set),
        ];
        list.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        list.sort_by(|left, right| left.0.cmp(right.0));
        list
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

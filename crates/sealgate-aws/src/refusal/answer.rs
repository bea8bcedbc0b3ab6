//! Enters headers and body of an error answer, leaves AWS's error code and message: AWS writes them
//! in one header, in JSON of several shapes, and in XML.

use http::HeaderMap;
use serde_json::Value;

use crate::sign::MASK;

/// No error of AWS's own is longer; what is longer comes from an application.
const LONGEST_BODY: usize = 64 * 1024;
const LONGEST_MESSAGE: usize = 2048;

/// What an answer says in AWS's terms.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Answer {
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(bare);
    let body = if body.len() > LONGEST_BODY { &[] } else { body.trim_ascii() };
    let found = match body.first() {
        Some(b'{') => json(body),
        Some(b'<') => xml(body),
        _ => Answer::default(),
    };
    Answer {
        code: header.filter(|code| !code.is_empty()).or(found.code),
        message: found.message.map(|message| shortened(without_tokens(message))),
    }
}

fn json(body: &[u8]) -> Answer {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Answer::default() };
    let inner = value.get("error").or_else(|| value.get("Error")).filter(|it| it.is_object());
    let text = |names: &[&str]| {
        let places = [Some(&value), inner];
        places.into_iter().flatten().find_map(|place| {
            names.iter().find_map(|name| place.get(name)?.as_str().map(str::to_owned))
        })
    };
    Answer {
        code: text(&["__type", "code", "Code", "errorType", "type"]).map(|code| bare(&code)),
        message: text(&["message", "Message", "errorMessage", "error_description"]),
    }
}

fn xml(body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(unescaped(value.trim()))
    };
    Answer { code: element("Code"), message: element("Message") }
}

/// `com.amazon.coral#AccessDeniedException:http://…` says `AccessDeniedException`.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or(code);
    let code = code.rsplit('#').next().unwrap_or(code);
    code.trim().chars().take(128).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// AWS repeats the canonical request where a signature is wrong; what in it lets others act (the
/// session token, the id of an MCP session) is masked.
pub(crate) fn without_tokens(message: String) -> String {
    const MARKS: [&str; 2] = ["x-amz-security-token", "mcp-session-id"];
    MARKS.iter().fold(message, |message, mark| without_value(&message, mark))
}

fn without_value(message: &str, mark: &str) -> String {
    // Upper and lower case are as long, so that places in one are places in the other.
    let lower = message.to_ascii_lowercase();
    let mut out = String::with_capacity(message.len());
    let mut kept = 0;
    for (at, _) in lower.match_indices(mark) {
        let value = at + mark.len();
        let separator = lower[value..].bytes().next();
        if value <= kept || !matches!(separator, Some(b':' | b'=')) {
            continue;
        }
        let text = &message[value + 1..];
        let value = value + 1 + (text.len() - text.trim_start_matches(' ').len());
        let end = message[value..]
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '&' | '\'' | '"' | '\\'))
            .map_or(message.len(), |length| value + length);
        out.push_str(&message[kept..value]);
        if end > value {
            out.push_str(MASK);
        }
        kept = end;
    }
    out.push_str(&message[kept..]);
    out
}

fn shortened(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = message.floor_char_boundary(LONGEST_MESSAGE);
        message.truncate(end);
        message.push('…');
    }
    message
}

//! Phrases: client capabilities as JSON ↔ the same with what nearly every client says as one byte
//! each. The bytes are control characters, which valid JSON without blanks never has.

/// Longest first where one begins another. A phrase keeps its byte for good: new ones go where a
/// byte is free, and order of search is order of this list.
const PHRASES: [(u8, &str); 15] = [
    (0x01, r#""roots":{"listChanged":true}"#),
    (0x02, r#""roots":{}"#),
    (0x03, r#""sampling":{"context":{},"tools":{}}"#),
    (0x04, r#""sampling":{"tools":{}}"#),
    (0x05, r#""sampling":{}"#),
    (0x06, r#""elicitation":{"form":{},"url":{}}"#),
    (0x07, r#""elicitation":{"form":{}}"#),
    (0x08, r#""elicitation":{}"#),
    (0x0e, r#""experimental":{"#),
    (0x0f, r#""io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}"#),
    (0x10, r#""io.modelcontextprotocol/"#),
    (0x11, r#""extensions":{"#),
    (0x12, r#""tasks":{"#),
    (0x13, r#""requests":{"#),
    (0x14, r#"{"listChanged":true}"#),
];

/// Puts bytes in the place of phrases.
pub(super) fn shorten(json: &str) -> Vec<u8> {
    let mut short = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let phrase = PHRASES.iter().find(|(_, phrase)| rest.starts_with(phrase));
        match phrase {
            Some((byte, phrase)) => {
                short.push(*byte);
                rest = &rest[phrase.len()..];
            }
            None => {
                let width = rest.chars().next().map_or(1, char::len_utf8);
                short.extend_from_slice(&rest.as_bytes()[..width]);
                debug_assert!(first >= 0x20, "a control character in JSON without blanks");
                rest = &rest[width..];
            }
        }
    }
    short
}

/// Puts the phrases back. `None` if it was not made by [`shorten`].
pub(super) fn restore(short: &[u8]) -> Option<String> {
    let mut json = Vec::with_capacity(short.len() * 3);
    for byte in short {
        if *byte >= 0x20 {
            json.push(*byte);
        } else {
            let (_, phrase) = PHRASES.iter().find(|(code, _)| code == byte)?;
            json.extend_from_slice(phrase.as_bytes());
        }
    }
    String::from_utf8(json).ok()
}

//! Enters: the facts of a request. Leaves: their text form (`key=value`, quoted where needed) or
//! their JSON form.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::write::{self, Clock};

/// One finished request. No field holds a secret: sessions appear as a fingerprint.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The route, where one matched.
    pub route: Option<&'a str>,
    /// The HTTP method.
    pub http: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The MCP method as the client wrote it.
    pub method: Option<&'a str>,
    /// The tool, prompt or resource as the client named it.
    pub tool: Option<&'a str>,
    /// The backend that answered, where it was one.
    pub backend: Option<&'a str>,
    /// Until the last byte of the answer.
    pub duration: Duration,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Tells sessions apart, and nothing else.
    pub session: Option<u32>,
    /// The stable code of what went wrong.
    pub error: Option<&'a str>,
    /// The other end of the connection.
    pub client: SocketAddr,
    /// The request's id, ours or the one that came with it.
    pub request_id: Option<&'a str>,
}

/// One field's name, as the two forms begin it.
#[derive(Clone, Copy)]
struct Name {
    text: &'static str,
    json: &'static str,
}

/// One field's value.
enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Fingerprint(u32),
    Client(SocketAddr),
}

macro_rules! name {
    ($name:literal) => {
        Name { text: concat!(" ", $name, "="), json: concat!(",\"", $name, "\":") }
    };
}

impl Line<'_> {
    /// Every field that is present, in order.
    fn fields(&self, mut each: impl FnMut(Name, Value<'_>)) {
        let optional = |each: &mut dyn FnMut(Name, Value<'_>), name, value| {
            if let Some(value) = value {
                each(name, Value::Text(value));
            }
        };
        optional(&mut each, name!("route"), self.route);
        each(name!("http"), Value::Text(self.http));
        each(name!("status"), Value::Number(u64::from(self.status)));
        optional(&mut each, name!("method"), self.method);
        optional(&mut each, name!("tool"), self.tool);
        optional(&mut each, name!("backend"), self.backend);
        each(
            name!("duration_us"),
            Value::Number(u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX)),
        );
        each(name!("bytes_in"), Value::Number(self.bytes_in));
        each(name!("bytes_out"), Value::Number(self.bytes_out));
        if let Some(session) = self.session {
            each(name!("session"), Value::Fingerprint(session));
        }
        optional(&mut each, name!("error"), self.error);
        each(name!("client"), Value::Client(self.client));
        optional(&mut each, name!("request_id"), self.request_id);
    }

    pub(super) fn text(&self, out: &mut Vec<u8>, clock: &mut Clock, now: SystemTime) {
        out.extend_from_slice(b"time=");
        clock.write(out, now);
        self.fields(|name, value| {
            out.extend_from_slice(name.text.as_bytes());
            match value {
                Value::Text(text) => write::text_value(out, text),
                Value::Number(number) => write::number(out, number),
                Value::Fingerprint(print) => write::hex(out, print),
                Value::Client(address) => write::address(out, address),
            }
        });
        out.push(b'\n');
    }

    pub(super) fn json(&self, out: &mut Vec<u8>, clock: &mut Clock, now: SystemTime) {
        out.extend_from_slice(b"{\"time\":\"");
        clock.write(out, now);
        out.push(b'"');
        self.fields(|name, value| {
            out.extend_from_slice(name.json.as_bytes());
            match value {
                Value::Number(number) => return write::number(out, number),
                Value::Text(text) => return write::json_string(out, text),
                Value::Fingerprint(_) | Value::Client(_) => out.push(b'"'),
            }
            match value {
                Value::Fingerprint(print) => write::hex(out, print),
                Value::Client(address) => write::address(out, address),
                Value::Number(_) | Value::Text(_) => {}
            }
            out.push(b'"');
        });
        out.extend_from_slice(b"}\n");
    }
}

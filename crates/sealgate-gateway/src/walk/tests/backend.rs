//! A backend that answers as a test scripts, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::upstream::tests::peer::{Peer, Talk};

/// A listening server.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    news: Arc<Notify>,
    hung_up: Arc<Notify>,
}

/// One request that a backend got.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) head: String,
    /// `null` where there is none.
    pub(super) body: Value,
}

/// What a backend answers.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A status and a JSON body.
    Status(u16, String),
    /// The same, and a session.
    InSession(u16, String, &'static str),
    /// An event stream of these messages, that then ends.
    Events(Vec<Value>),
    /// The same, that stays open.
    Open(Vec<Value>),
    /// An event stream of these messages and, once notified, another one.
    Then(Vec<Value>, Arc<Notify>, Value),
    /// The text of an event stream that then ends.
    Text(&'static str),
    /// Nothing, for as long as the gateway waits.
    Silence,
}

impl Backend {
    pub(super) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Asked) -> Reply + Send + Sync + 'static,
    {
        let (asked, news) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(Notify::new()));
        let (answer, hung_up) = (Arc::new(answer), Arc::new(Notify::new()));
        let (seen, told, gone) = (Arc::clone(&asked), Arc::clone(&news), Arc::clone(&hung_up));
        let peer = Peer::start(move |_, mut talk: Talk| {
            let (answer, gone) = (Arc::clone(&answer), Arc::clone(&gone));
            let (seen, told) = (Arc::clone(&seen), Arc::clone(&told));
            async move {
                while let Some(request) = talk.request().await {
                    let (head, body) = request.split_once("\r\n\r\n").unwrap();
                    let asked = Asked {
                        head: head.to_owned(),
                        body: serde_json::from_str(body).unwrap_or(Value::Null),
                    };
                    let reply = answer(&asked);
                    seen.lock().unwrap().push(asked);
                    told.notify_waiters();
                    match reply {
                        Reply::Open(_) | Reply::Silence => {
                            talk.say(&reply.text()).await;
                            talk.hung_up().await;
                            gone.notify_one();
                            return;
                        }
                        Reply::Then(_, ref later, ref last) => {
                            talk.say(&reply.text()).await;
                            later.notified().await;
                            talk.say(&format!("data: {last}\n\n")).await;
                            return;
                        }
                        Reply::Events(_) | Reply::Text(_) => {
                            talk.say(&reply.text()).await;
                            return;
                        }
                        _ => talk.say(&reply.text()).await,
                    }
                }
            }
        })
        .await;
        Self { address: peer.address, asked, news, hung_up }
    }

    /// What it was asked so far, of one method.
    pub(super) fn asked(&self, method: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.method() == method).cloned().collect()
    }

    /// Waits until it was asked this; the last time that it was.
    pub(super) async fn wait_for(&self, method: &str) -> Asked {
        self.wait_until(method, 1).await;
        self.asked(method).pop().unwrap()
    }

    /// Waits until it was asked this so often.
    pub(super) async fn wait_until(&self, method: &str, times: usize) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.asked(method).len() >= times {
                return;
            }
            news.await;
        }
    }

    /// Waits until the gateway has given up a stream that stays open.
    pub(super) async fn hung_up(&self) {
        self.hung_up.notified().await;
    }
}

impl Asked {
    /// The JSON-RPC method; without one the HTTP method, or `response`.
    pub(super) fn method(&self) -> &str {
        match self.body["method"].as_str() {
            Some(method) => method,
            None if self.body.is_null() => self.head.split(' ').next().unwrap(),
            None => "response",
        }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Reply {
    pub(super) fn result(asked: &Asked, result: Value) -> Self {
        Self::to(&asked.body, result)
    }

    pub(super) fn to(body: &Value, result: Value) -> Self {
        let message = json!({ "jsonrpc": "2.0", "id": body["id"], "result": result });
        Self::Status(200, message.to_string())
    }

    pub(super) fn error(asked: &Asked, status: u16, code: i64, message: &str) -> Self {
        let error = json!({ "code": code, "message": message });
        let message = json!({ "jsonrpc": "2.0", "id": asked.body["id"], "error": error });
        Self::Status(status, message.to_string())
    }

    pub(super) fn in_session(self, session: &'static str) -> Self {
        match self {
            Self::Status(status, body) => Self::InSession(status, body, session),
            other => other,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Silence => String::new(),
            Self::Status(status, body) => whole(*status, body, ""),
            Self::InSession(status, body, session) => {
                whole(*status, body, &format!("mcp-session-id: {session}\r\n"))
            }
            Self::Text(events) => format!("{EVENTS}{events}"),
            Self::Events(messages) | Self::Open(messages) | Self::Then(messages, ..) => {
                let events = messages.iter().map(|message| format!("data: {message}\n\n"));
                format!("{EVENTS}{}", events.collect::<String>())
            }
        }
    }
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn whole(status: u16, body: &str, headers: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    )
}

//! What the protocol costs on the way of one message: envelope, session, list, events, reply.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark may stop")]

use std::borrow::Cow;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::{Envelope, span};
use sealgate_mcp::era::Era;
use sealgate_mcp::keyring::Keyring;
use sealgate_mcp::list::{self, ListKind};
use sealgate_mcp::reply::{ReplyEditor, Whole};
use sealgate_mcp::session::{BackendSession, ClientFacts, SessionToken};
use sealgate_mcp::splice::Splice;
use sealgate_mcp::sse::{Decoder, write_event};
use sealgate_mcp::version::Version;
use serde_json::value::RawValue;

const CHUNK: usize = 16 * 1024;

/// A `tools/call` of about `size` bytes, its bulk in one text argument with some escapes.
fn call(size: usize) -> Vec<u8> {
    let head = r#"{"jsonrpc":"2.0","id":12345,"method":"tools/call","params":{"name":"github__create_issue","arguments":{"owner":"acme","labels":["bug","help wanted"],"draft":false,"body":""#;
    let tail = r#""},"_meta":{"progressToken":"a1b2c3","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let bulk = prose(size.saturating_sub(head.len() + tail.len()));
    format!("{head}{bulk}{tail}").into_bytes()
}

fn prose(size: usize) -> String {
    let line = r#"The gateway signs what it sends; nothing unsigned leaves it. See \"docs\".\n"#;
    let mut text = line.repeat(size / line.len() + 1);
    text.truncate(size);
    while text.ends_with('\\') {
        text.pop();
    }
    text
}

/// A tool result of about `size` bytes, in many text blocks.
fn result(size: usize, id_last: bool) -> Bytes {
    let block =
        format!(r#"{{"type":"text","text":"{}"}}"#, prose(if size < 4096 { 200 } else { 4000 }));
    let blocks = vec![block.as_str(); size / block.len() + 1].join(",");
    let result = format!(r#""result":{{"content":[{blocks}],"isError":false}}"#);
    Bytes::from(match id_last {
        true => format!(r#"{{{result},"jsonrpc":"2.0","id":77}}"#),
        false => format!(r#"{{"jsonrpc":"2.0","id":77,{result}}}"#),
    })
}

fn envelope(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    for size in [381, 1024, 16 * 1024] {
        let body = call(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        // The floor: one pass over the bytes that checks them and keeps nothing.
        group.bench_with_input(BenchmarkId::new("floor", size), &body, |bencher, body| {
            bencher.iter(|| serde_json::from_slice::<&RawValue>(black_box(body)).unwrap().get());
        });
        group.bench_with_input(BenchmarkId::new("parse", size), &body, |bencher, body| {
            bencher.iter(|| Envelope::parse(black_box(body)).unwrap().close_brace);
        });
        group.bench_with_input(
            BenchmarkId::new("parse and splice", size),
            &body,
            |bencher, body| {
                bencher.iter(|| {
                    let envelope = Envelope::parse(black_box(body)).unwrap();
                    let mut splice = Splice::new(body);
                    splice.replace(span(body, envelope.id.unwrap()), &b"900001"[..]);
                    let target = envelope.target().unwrap().unwrap();
                    splice.replace(span(body, target.raw), &b"\"create_issue\""[..]);
                    splice.finish()
                });
            },
        );
    }
    group.finish();
}

fn session(criterion: &mut Criterion) {
    let keyring = Keyring::from_seeds(vec![[1; 32]]).unwrap();
    let backends = (0..5u32).map(|at| BackendSession {
        backend: at * 1_000_003,
        session_id: Some(format!("0f8fad5b-d9cb-469f-a165-70867728950{at}").into()),
        era: Era::Legacy(Version::V2025_11_25),
        offers: Offers::TOOLS,
    });
    let capabilities = r#"{"roots":{"listChanged":true},"sampling":{},"elicitation":{}}"#;
    let session = SessionToken {
        route: 1,
        principal: [2; 16],
        expires_at: 1_795_000_000,
        version: Version::V2025_11_25,
        log_level: None,
        client: ClientFacts::new(capabilities, "example-client", "2.1.240").unwrap(),
        backends: backends.collect(),
    };
    let token = session.seal(&keyring).unwrap();
    let mut group = criterion.benchmark_group("session");
    group.bench_function("open, 5 backends", |bencher| {
        bencher.iter(|| SessionToken::open(&keyring, black_box(&token)).unwrap());
    });
    group.bench_function("seal, 5 backends", |bencher| {
        bencher.iter(|| session.seal(&keyring).unwrap());
    });
    group.finish();
}

fn list(criterion: &mut Criterion) {
    let tool = |at: usize| {
        format!(
            r#"{{"name":"tool_{at}","title":"Tool {at}","description":"{}","inputSchema":{{"type":"object","properties":{{"owner":{{"type":"string","description":"Who owns it"}},"limit":{{"type":"integer","minimum":1,"maximum":100}}}},"required":["owner"]}},"annotations":{{"readOnlyHint":true}}}}"#,
            prose(230),
        )
    };
    let tools: Vec<_> = (0..200).map(tool).collect();
    let page = format!(r#"{{"tools":[{}],"nextCursor":"abc"}}"#, tools.join(","));
    let raw: &RawValue = serde_json::from_str(&page).unwrap();
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("rewrite, 200 tools", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(page.len() + 4096);
            list::rewrite(
                ListKind::Tools,
                black_box(raw),
                |name| Some(Cow::Owned(format!("github__{name}"))),
                &mut out,
            )
            .unwrap();
            out
        });
    });
    group.finish();
}

fn sse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse");
    for (name, size, count) in
        [("100 events of 1 KB", 1024, 100), ("1 event of 2.8 MB", 2_800_000, 1)]
    {
        let mut stream = Vec::new();
        for _ in 0..count {
            write_event(&mut stream, Some("1.abc"), &result(size, false));
        }
        let chunks: Vec<_> = stream.chunks(CHUNK).map(Bytes::copy_from_slice).collect();
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::new("decode", name), |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new(4 << 20);
                let mut bytes = 0;
                for chunk in &chunks {
                    decoder.push(chunk.clone());
                    while let Some(event) = decoder.next() {
                        bytes += event.unwrap().data.len();
                    }
                }
                bytes
            });
        });
    }
    group.finish();
}

fn reply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply");
    for (name, size) in [("1 KB", 1024), ("2.8 MB", 2_800_000)] {
        for id_last in [false, true] {
            let message = result(size, id_last);
            let place = if id_last { "id last" } else { "id first" };
            let chunks: Vec<_> = message.chunks(CHUNK).map(|c| message.slice_ref(c)).collect();
            group.throughput(Throughput::Bytes(message.len() as u64));
            group.bench_function(BenchmarkId::new(format!("stream, {place}"), name), |bencher| {
                bencher.iter(|| {
                    let mut editor = ReplyEditor::new("\"client\"").expecting("77");
                    let mut bytes = 0;
                    for chunk in &chunks {
                        editor.push(chunk.clone()).unwrap();
                        while let Some(part) = editor.next() {
                            bytes += part.len();
                        }
                    }
                    editor.finish().unwrap();
                    bytes
                });
            });
            group.bench_function(BenchmarkId::new(format!("whole, {place}"), name), |bencher| {
                bencher.iter(|| {
                    match ReplyEditor::new("\"client\"").expecting("77").whole(&message) {
                        Ok(Whole::Response { message, .. }) => message.len(),
                        other => panic!("{other:?}"),
                    }
                });
            });
            group.bench_function(
                BenchmarkId::new(format!("stream and insert, {place}"), name),
                |bencher| {
                    bencher.iter(|| {
                        let mut editor =
                            ReplyEditor::new("7").inserting("resultType", "\"complete\"");
                        let mut bytes = 0;
                        for chunk in &chunks {
                            editor.push(chunk.clone()).unwrap();
                            while let Some(part) = editor.next() {
                                bytes += part.len();
                            }
                        }
                        bytes
                    });
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, envelope, session, list, sse, reply);
criterion_main!(benches);

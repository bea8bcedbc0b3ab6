//! A small, fast MCP server: HTTP/1.1 requests go in, canned answers with the request's id come
//! out. One thread; no JSON parser; trusts its clients, for it only ever serves the bench.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The size of a `result` of `tools/call`, in bytes.
const RESULT_SIZE: usize = 512;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        println!("listening {}", listener.local_addr()?);
        let result = call_result();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let result = result.clone();
            tokio::spawn(async move { serve(stream, &result).await });
        }
    })
}

fn call_result() -> String {
    let frame = r#"{"content":[{"type":"text","text":""}]}"#;
    let text = "x".repeat(RESULT_SIZE - frame.len());
    frame.replace(r#""text":"""#, &format!(r#""text":"{text}""#))
}

async fn serve(mut stream: TcpStream, call_result: &str) -> Option<()> {
    let mut input = Vec::with_capacity(16 * 1024);
    let mut output = Vec::with_capacity(4 * 1024);
    loop {
        while let Some((head, whole)) = request_at_front(&input) {
            answer(&input[..head], &input[head..whole], call_result, &mut output);
            input.drain(..whole);
        }
        if !output.is_empty() {
            stream.write_all(&output).await.ok()?;
            output.clear();
        }
        if stream.read_buf(&mut input).await.ok()? == 0 {
            return None;
        }
    }
}

/// The lengths of the head and of head and body together, once both are there.
fn request_at_front(input: &[u8]) -> Option<(usize, usize)> {
    let head = find(input, b"\r\n\r\n")? + 4;
    let whole = head + content_length(&input[..head]);
    (input.len() >= whole).then_some((head, whole))
}

fn content_length(head: &[u8]) -> usize {
    let name = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name));
    let value = line.and_then(|line| str::from_utf8(&line[name.len()..]).ok());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn answer(head: &[u8], body: &[u8], call_result: &str, output: &mut Vec<u8>) {
    let (Some(id), Some(method)) = (field(body, b"\"id\":"), field(body, b"\"method\":")) else {
        let status = match head[0] {
            b'P' => "202 Accepted",
            b'D' => "200 OK",
            _ => "405 Method Not Allowed",
        };
        output.extend_from_slice(
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes(),
        );
        return;
    };
    let (session, result) = match method {
        "\"tools/call\"" => ("", call_result),
        "\"initialize\"" => (
            "mcp-session-id: 9f0c8ad2-5b1e-4a86-9d54-0c6f6b1f7a10\r\n",
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}"#,
        ),
        "\"tools/list\"" => (
            "",
            r#"{"tools":[{"name":"echo","description":"Answers 512 bytes","inputSchema":{"type":"object"}}]}"#,
        ),
        _ => ("", "{}"),
    };
    let length = r#"{"jsonrpc":"2.0","id":,"result":}"#.len() + id.len() + result.len();
    output.extend_from_slice(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{session}content-length: {length}\r\n\r\n\
             {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}"
        )
        .as_bytes(),
    );
}

/// The scalar value after the first `key`, as it stands in the text.
fn field<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a str> {
    let value = &body[find(body, key)? + key.len()..];
    let end = value.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    str::from_utf8(&value[..end]).ok().map(str::trim)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::time::UNIX_EPOCH;

use super::*;
use crate::observe::Metrics;

/// 2026-11-23T01:02:03.000045Z.
const NOW: Duration = Duration::new(1_795_395_723, 45_000);

fn line() -> Line<'static> {
    Line {
        route: Some("default/r"),
        http: "POST",
        status: 200,
        method: Some("tools/call"),
        tool: Some("github__search"),
        backend: Some("github"),
        duration: Duration::from_micros(1234),
        bytes_in: 310,
        bytes_out: 0,
        session: Some(0xbeef),
        error: None,
        client: "127.0.0.1:4711".parse().unwrap(),
        request_id: None,
    }
}

fn text(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    line.text(&mut out, &mut write::Clock::default(), UNIX_EPOCH + NOW);
    String::from_utf8(out).unwrap()
}

fn json(line: &Line<'_>) -> serde_json::Value {
    let mut out = Vec::new();
    line.json(&mut out, &mut write::Clock::default(), UNIX_EPOCH + NOW);
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_text_line_is_words_and_equals_signs() {
    assert_eq!(
        text(&line()),
        "time=2026-11-23T01:02:03.000045Z route=default/r http=POST status=200 method=tools/call \
         tool=github__search backend=github duration_us=1234 bytes_in=310 bytes_out=0 \
         session=0000beef client=127.0.0.1:4711\n"
    );
}

#[test]
fn a_json_line_has_the_same_fields() {
    let line = Line {
        client: "[::1]:80".parse().unwrap(),
        error: Some("session_unknown"),
        request_id: Some("7"),
        ..line()
    };
    let expected = serde_json::json!({
        "time": "2026-11-23T01:02:03.000045Z", "route": "default/r", "http": "POST",
        "status": 200, "method": "tools/call", "tool": "github__search", "backend": "github",
        "duration_us": 1234, "bytes_in": 310, "bytes_out": 0, "session": "0000beef",
        "error": "session_unknown", "client": "[::1]:80", "request_id": "7",
    });
    assert_eq!(json(&line), expected);
}

#[test]
fn values_of_callers_cannot_forge_fields_or_lines() {
    let nasty = "a b=\"c\"\\ \n\u{1b}[31m\u{85}\u{202e}\u{7f}é√\t\0";
    let line = Line { tool: Some(nasty), ..line() };
    assert_eq!(json(&line)["tool"], nasty);
    let text = text(&line);
    assert_eq!(text.lines().count(), 1);
    assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
    assert!(
        text.contains(r#" tool="a b=\"c\"\\ \n\u001b[31m\u0085\u202e\u007fé√\t\u0000" "#),
        "{text}"
    );
}

#[test]
fn an_empty_value_is_visible() {
    assert!(text(&Line { tool: Some(""), ..line() }).contains(" tool=\"\" "));
}

#[test]
fn overlong_values_are_cut_between_characters() {
    let long = "é".repeat(10_000);
    let line = Line { tool: Some(&long), ..line() };
    let kept = json(&line)["tool"].as_str().unwrap().to_owned();
    assert_eq!(kept, format!("{}…", "é".repeat(128)));
    assert!(text(&line).len() < 600);
}

#[test]
fn dates_are_those_of_the_calendar() {
    let at = |seconds: u64| {
        let mut out = Vec::new();
        write::Clock::default().write(&mut out, UNIX_EPOCH + Duration::from_secs(seconds));
        String::from_utf8(out).unwrap()
    };
    for (seconds, date) in [
        (0, "1970-01-01T00:00:00"),
        (951_782_400, "2000-02-29T00:00:00"),
        (1_709_251_199, "2024-02-29T23:59:59"),
        (1_709_251_200, "2024-03-01T00:00:00"),
        (1_735_689_599, "2024-12-31T23:59:59"),
        (4_107_542_400, "2100-03-01T00:00:00"),
    ] {
        assert_eq!(at(seconds), format!("{date}.000000Z"));
    }
}

/// Tells the test what was written.
struct Sink(Sender<Vec<u8>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that never reads.
struct Stuck;

impl Write for Stuck {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        loop {
            std::thread::park();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_buffer_leaves_and_the_rest_leaves_at_the_end() {
    let metrics = Metrics::new();
    let (sink, written) = channel();
    let writer = Writer::start(Sink(sink), Format::Text, metrics.process()).unwrap();
    let log = writer.log();
    let size = text(&line()).len();
    for _ in 0..=FLUSH_SIZE / size {
        log.write(&line());
    }
    assert!(written.recv().unwrap().len() >= FLUSH_SIZE);
    log.write(&line());
    drop(log);
    drop(writer);
    assert_eq!(written.iter().map(|bytes| bytes.len()).sum::<usize>(), size);
}

#[tokio::test]
async fn a_single_line_does_not_wait_long() {
    let metrics = Metrics::new();
    let (sink, written) = channel();
    let writer = Writer::start(Sink(sink), Format::Json, metrics.process()).unwrap();
    let log = writer.log();
    let tending = tokio::spawn(log.tend());
    log.write(&line());
    let wait = tokio::task::spawn_blocking(move || written.recv_timeout(FLUSH_AFTER * 20));
    assert!(!wait.await.unwrap().unwrap().is_empty());
    tending.abort();
}

#[test]
fn a_reader_that_stops_costs_lines_and_not_requests() {
    let metrics = Metrics::new();
    let writer = Writer::start(Stuck, Format::Text, metrics.process()).unwrap();
    let log = writer.log();
    // One buffer is with the writer, as many wait, and one more is too many.
    for _ in 0..WAITING + 2 {
        log.write(&line());
        log.flush();
    }
    let text = metrics.render();
    let dropped = text.lines().find(|line| line.starts_with("sealgate_access_lines_dropped_total"));
    assert_ne!(dropped, Some("sealgate_access_lines_dropped_total 0"));
}

/// Run by hand, optimised: `cargo test --release -- --ignored --nocapture lines_are_cheap`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement prints")]
fn lines_are_cheap() {
    let metrics = Metrics::new();
    let writer = Writer::start(io::sink(), Format::Json, metrics.process()).unwrap();
    let log = writer.log();
    let started = Instant::now();
    for _ in 0..1_000_000 {
        log.write(&line());
    }
    println!("{} ns a line", started.elapsed().as_nanos() / 1_000_000);
}

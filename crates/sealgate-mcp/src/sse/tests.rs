use proptest::prelude::*;

use super::*;

fn decode(stream: &[u8], cuts: &[usize]) -> Vec<Event> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let mut decoder = Decoder::new(1000);
    let mut events = Vec::new();
    for pair in cuts.windows(2) {
        decoder.push(Bytes::copy_from_slice(&stream[pair[0]..pair[1]]));
        while let Some(event) = decoder.next() {
            events.push(event.unwrap());
        }
    }
    events
}

fn event(data: &'static str) -> Event {
    Event { data: Bytes::from_static(data.as_bytes()), ..Event::default() }
}

#[test]
fn all_three_line_ends_a_byte_order_mark_and_comments() {
    let stream = "\u{feff}data: a\n\ndata:b\r\n\r\n: note\rdata: c\r\rdata:d";
    let expected = vec![event("a"), event("b"), event("c")];
    assert_eq!(decode(stream.as_bytes(), &[]), expected, "the event that breaks off is none");
    let every_byte: Vec<_> = (0..stream.len()).collect();
    assert_eq!(decode(stream.as_bytes(), &every_byte), expected);
}

#[test]
fn data_lines_are_joined_and_one_space_is_dropped() {
    assert_eq!(decode(b"data:  {\ndata:}\ndata\n\n", &[]), [event(" {\n}\n")]);
}

#[test]
fn priming_events_have_an_id_and_no_data() {
    let primed = |data, id, retry| Event { id: Some(Bytes::from_static(id)), retry, ..event(data) };
    assert_eq!(decode(b"data: \nid: 0\nretry: 3000\n\n", &[]), [primed("", b"0", Some(3000))]);
    assert_eq!(decode(b"id: a-b\ndata: \n\n", &[]), [primed("", b"a-b", None)]);
    assert_eq!(decode(b": only a comment\n\n\n\nfuture: 1\n\n", &[]), []);
    assert_eq!(decode(b"id: a\0b\nretry: 3s\ndata: x\n\n", &[])[0].id, None);
}

#[test]
fn other_types_are_told() {
    let events = decode(b"event: message\ndata: 1\n\nevent: endpoint\ndata: /x\n\n", &[]);
    assert!(events[0].is_message());
    assert_eq!(events[1].event.as_deref(), Some(b"endpoint".as_slice()));
    assert!(!events[1].is_message());
}

#[test]
fn one_line_of_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: {\"a\":1}\n\n");
    let mut decoder = Decoder::new(100);
    decoder.push(chunk.clone());
    let event = decoder.next().unwrap().unwrap();
    assert_eq!(event.data.as_ptr(), chunk[6..].as_ptr());
}

#[test]
fn an_event_above_the_limit_ends_the_stream_with_one_fault() {
    for stream in [
        format!("data: {}\n\n", "x".repeat(101)),
        "data: 123456789\n".repeat(12),
        format!("data: {}", "x".repeat(200)),
        format!("{}\n", ":".repeat(200)),
        format!("id: {}\n\n", "x".repeat(200)),
    ] {
        let mut decoder = Decoder::new(100);
        decoder.push(stream.into());
        assert_eq!(decoder.next(), Some(Err(SseFault::TooLarge(100))));
        decoder.push(Bytes::from_static(b"data: 1\n\n"));
        assert_eq!(decoder.next(), None);
    }
    let mut decoder = Decoder::new(100);
    decoder.push(format!("data: {}\n\n", "x".repeat(100)).into());
    assert!(decoder.next().unwrap().is_ok());
}

#[test]
fn what_is_written_reads_back() {
    let mut out = Vec::new();
    write_priming(&mut out, "p", Some(5));
    write_event(&mut out, Some("1.a"), b"{\"a\":1,\r\n \"b\":2,\n\r}");
    out.extend_from_slice(KEEP_ALIVE);
    write_event(&mut out, Some("bad\nid"), b"{}");
    let events = decode(&out, &[]);
    assert_eq!(events.len(), 3);
    assert_eq!((events[0].id_text(), events[0].retry), (Some("p"), Some(5)));
    assert_eq!(events[1].id_text(), Some("1.a"));
    assert_eq!(events[1].data, "{\"a\":1,\n \"b\":2,\n\n}");
    assert_eq!((events[2].id_text(), &events[2].data[..]), (None, b"{}".as_slice()));
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        stream in "(\u{feff})?(data|id|event|retry|:|: |x|é|7|\r|\n|\r\n){0,40}",
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        prop_assert_eq!(decode(stream.as_bytes(), &cuts), decode(stream.as_bytes(), &[]));
    }

    #[test]
    fn any_message_reads_back_but_for_its_line_ends(
        data in "[^\r]{0,60}",
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        let mut out = Vec::new();
        write_event(&mut out, None, data.as_bytes());
        let events = decode(&out, &cuts);
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(&events[0].data[..], data.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        stream in prop::collection::vec(any::<u8>(), 0..300),
        limit in 0usize..20,
    ) {
        let mut decoder = Decoder::new(limit);
        for chunk in stream.chunks(7) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while decoder.next().is_some() {}
        }
    }
}

/// The events of a decoder in pieces, put together again.
fn decode_in_pieces(stream: &[u8], cuts: &[usize], hold: usize) -> (Vec<Event>, usize) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let mut decoder = Decoder::new(1000).in_pieces(hold);
    let (mut events, mut pieces, mut data) = (Vec::new(), 0, Vec::new());
    for pair in cuts.windows(2) {
        decoder.push(Bytes::copy_from_slice(&stream[pair[0]..pair[1]]));
        while let Some(part) = decoder.next_part() {
            match part.unwrap() {
                Part::Event(event) => events.push(event),
                Part::Data(piece) => {
                    pieces += 1;
                    data.extend_from_slice(&piece);
                }
                Part::End(event) => {
                    events.push(Event { data: std::mem::take(&mut data).into(), ..event });
                }
            }
        }
    }
    (events, pieces)
}

#[test]
fn a_large_event_comes_in_pieces_and_keeps_its_id() {
    let stream = format!(
        "id: 7\r\ndata: {}\r\ndata: {}\r\n\r\ndata: 1\n\n",
        "x".repeat(300),
        "y".repeat(2000)
    );
    let cuts: Vec<_> = (0..stream.len()).step_by(50).collect();
    let (events, pieces) = decode_in_pieces(stream.as_bytes(), &cuts, 100);
    assert!(pieces > 40, "{pieces} pieces");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].data.len(), 300 + 1 + 2000);
    assert_eq!(events[0].id_text(), Some("7"));
    assert_eq!(events[1], event("1"));
}

#[test]
fn pieces_are_not_copied_and_not_limited() {
    let mut decoder = Decoder::new(100).in_pieces(10);
    decoder.push(Bytes::from_static(b"data: 0123456789"));
    assert_eq!(decoder.next_part(), Some(Ok(Part::Data(Bytes::from_static(b"0123456789")))));
    assert_eq!(decoder.next_part(), None);
    for _ in 0..9 {
        let chunk = Bytes::from_static(&[b'x'; 64]);
        decoder.push(chunk.clone());
        let Some(Ok(Part::Data(piece))) = decoder.next_part() else { panic!("no piece") };
        assert_eq!(piece.as_ptr(), chunk.as_ptr());
    }
    assert!(decoder.is_within_event());
    decoder.push(Bytes::from_static(b"\n\n"));
    assert_eq!(decoder.next_part(), Some(Ok(Part::End(Event::default()))));
    assert!(!decoder.is_within_event());
}

#[test]
fn an_abandoned_event_gets_a_type_that_readers_pass_over() {
    let mut writer = PieceWriter::default();
    let mut out = writer.piece(Bytes::from_static(b"{\"a\":")).to_vec();
    out.extend_from_slice(PieceWriter::abandon());
    write_event(&mut out, None, b"{}");
    let events = decode(&out, &[]);
    assert_eq!(events.len(), 2);
    assert!(!events[0].is_message() && events[1].is_message());
}

proptest! {
    #[test]
    fn pieces_make_the_same_events(
        stream in "(\u{feff})?(data: |data|id|event|retry|:|: |xxxxxxx|é|7|\r|\n|\r\n){0,40}",
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        hold in 0usize..30,
    ) {
        let whole = decode(stream.as_bytes(), &[]);
        prop_assert_eq!(decode_in_pieces(stream.as_bytes(), &cuts, hold).0, whole);
    }

    #[test]
    fn written_pieces_read_back(
        data in "[a-z\r\n]{1,60}",
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (data.len() + 1)).collect();
        cuts.extend([0, data.len()]);
        cuts.sort_unstable();
        let mut writer = PieceWriter::default();
        let mut out = Vec::new();
        for pair in cuts.windows(2) {
            let piece = Bytes::copy_from_slice(&data.as_bytes()[pair[0]..pair[1]]);
            out.extend_from_slice(&writer.piece(piece));
        }
        out.extend_from_slice(&writer.end(Some("9")));
        let events = decode(&out, &[]);
        prop_assert_eq!(events.len(), 1);
        let expected = data.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(&events[0].data[..], expected.as_bytes());
        prop_assert_eq!(events[0].id_text(), Some("9"));
    }
}

use proptest::prelude::*;

use super::*;

#[test]
fn edits_apply_in_the_order_of_their_places() {
    let mut splice = Splice::new(b"abcdef");
    splice.replace(4..5, &b"E"[..]);
    splice.insert(0, &b"<"[..]);
    splice.insert(6, &b">"[..]);
    splice.remove(1..3);
    splice.insert(4, &b"1"[..]);
    splice.insert(4, &b"2"[..]);
    assert_eq!(splice.finish(), "<ad12Ef>");
}

#[test]
fn an_inserted_member_gets_a_comma_only_where_it_needs_one() {
    let mut splice = Splice::new(b"{}");
    splice.insert_members(0, true, b"\"a\":1");
    assert_eq!(splice.finish(), r#"{"a":1}"#);
    let mut splice = Splice::new(br#"{"b":2}"#);
    splice.insert_members(0, false, b"\"a\":1");
    assert_eq!(splice.finish(), r#"{"a":1,"b":2}"#);
}

proptest! {
    #[test]
    fn any_number_of_edits_equals_editing_one_by_one(
        body in "[a-z]{0,200}",
        cuts in prop::collection::vec((0usize..10, 0usize..10, "[A-Z]{0,5}"), 0..20),
    ) {
        let mut splice = Splice::new(body.as_bytes());
        let (mut expected, mut at) = (String::new(), 0);
        for (skip, length, text) in &cuts {
            let start = (at + skip + 1).min(body.len());
            let end = (start + length).min(body.len());
            expected.push_str(&body[at..start]);
            expected.push_str(text);
            at = end;
            splice.replace(start..end, text.clone().into_bytes());
        }
        expected.push_str(&body[at..]);
        prop_assert_eq!(splice.finish(), expected);
    }
}

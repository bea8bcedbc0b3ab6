use proptest::prelude::*;

use super::*;

#[test]
fn each_backend_resumes_behind_its_own_last_event() {
    let mut last = LastEvents::default();
    assert_eq!(last.write(), None);
    last.note(2, "x,1");
    last.note(0, "abc");
    last.note(0, "abd.%");
    assert_eq!(last.write().unwrap(), "0.abd.%25,2.x%2C1");
    let read = LastEvents::read("0.abd.%25,2.x%2C1").unwrap();
    assert_eq!(read.of(0).unwrap(), "abd.%");
    assert_eq!(read.of(1), None);
    assert_eq!(read.of(2).unwrap(), "x,1");
    assert_eq!(read.of(3), None);
}

#[test]
fn ids_that_are_not_ours_are_none() {
    let long = format!("0.{}", "x".repeat(MAX_LENGTH));
    for text in [
        "", "abc", "0", "x.a", "+1.a", "0.a,0.b", "1.a,0.b", "256.a", "0.%", "0.%zz", "0.%ff",
        "0.é", &long,
    ] {
        assert_eq!(LastEvents::read(text), None, "{text}");
    }
    let mut last = LastEvents::default();
    last.note(0, &"x".repeat(MAX_LENGTH));
    assert_eq!(last.write(), None);
}

#[test]
fn the_stream_of_one_request_names_it() {
    let mut last = LastEvents::answering("\"17;a\"", "\"x, y\"");
    assert_eq!(last.write(), None);
    last.note(1, "e;7");
    let text = last.write().unwrap();
    assert_eq!(text, "1.e%3B7;\"17%3Ba\";\"x%2C%20y\"");
    let read = LastEvents::read(&text).unwrap();
    assert_eq!(read, last);
    assert_eq!(&*read.request().unwrap().client, "\"x, y\"");
    assert_eq!(read.places().collect::<Vec<_>>(), [1]);
    for forged in ["0.a;1", "0.a;1;2;3", "0.a;1;{}", "0.a;1;\"", "0.a;;1", ";1;2", "0.a;1;1,2"] {
        assert_eq!(LastEvents::read(forged), None, "{forged}");
    }
}

proptest! {
    #[test]
    fn any_ids_read_back(ids in prop::collection::btree_map(0usize..9, any::<String>(), 1..5)) {
        let mut last = LastEvents::default();
        for (place, id) in &ids {
            last.note(*place, id);
        }
        let text = last.write().unwrap();
        prop_assert!(text.bytes().all(|byte| matches!(byte, b'!'..=b'~')));
        let read = LastEvents::read(&text).unwrap();
        for (place, id) in &ids {
            prop_assert_eq!(&read.of(*place).unwrap(), id);
        }
        prop_assert_eq!(read, last);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[0-9.,;%a-fé]{0,30}") {
        let _ = LastEvents::read(&text);
    }
}

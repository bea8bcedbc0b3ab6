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
    fn no_text_makes_reading_panic(text in "[0-9.,%a-fé]{0,30}") {
        let _ = LastEvents::read(&text);
    }
}

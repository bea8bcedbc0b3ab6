use std::rc::Rc;
use std::sync::Arc;

use super::{Field, Shape, rule};
use crate::report::Report;
use crate::substitute::Held;
use crate::text::SourceText;
use crate::tree::parse;

/// Reads `text` with `read` and gives what was found.
fn found(text: &str, read: impl FnOnce(Field<'_>)) -> Vec<String> {
    let report = Rc::new(Report::default());
    let at = report
        .open(Rc::new(SourceText::new("x.yaml".into(), Arc::new(text.to_owned().into()))), false);
    let parsed = parse(&Held::new(text), &|_| None);
    read(Field::root(&parsed.documents[0], &at));
    report
        .finish(false)
        .into_iter()
        .map(|found| found.finding)
        .map(|finding| match finding.help {
            Some(help) => format!("{} ({help})", finding.message),
            None => finding.message,
        })
        .collect()
}

#[test]
fn problems_are_worded_as_the_api_server_words_them() {
    let spec = "a: {s: 1, e: Foo, p: 70000, z: 0, l: [], m: [1, 2], b: yes, t: '', n: X_y}";
    let findings = found(spec, |root| {
        let object = root.object(&["a"]).unwrap().get("a").unwrap().open_object().unwrap();
        object.get("s").unwrap().string();
        object.get("e").unwrap().one_of(&["Fo", "Bar"]);
        object.get("p").unwrap().port();
        object.get("z").unwrap().port();
        object.get("l").unwrap().list(1, 16);
        object.get("m").unwrap().list(0, 1);
        object.get("b").unwrap().boolean();
        object.get("t").unwrap().text(&Shape::NON_EMPTY);
        object.get("n").unwrap().text(&Shape::NAMESPACE);
        object.required("missing");
    });
    let expected = [
        "a.missing: Required value",
        "a.s: Invalid value: \"integer\": a.s in body must be of type string: \"integer\"",
        "a.e: Unsupported value: \"Foo\": supported values: \"Fo\", \"Bar\" (did you mean \"Fo\"?)",
        "a.p: Invalid value: 70000: a.p in body should be less than or equal to 65535",
        "a.z: Invalid value: 0: a.z in body should be greater than or equal to 1",
        "a.l: Invalid value: 0: a.l in body should have at least 1 items",
        "a.m: Too many: 2: must have at most 1 items",
        "a.b: Invalid value: \"string\": a.b in body must be of type boolean: \"string\"",
        "a.t: Invalid value: \"\": a.t in body should be at least 1 chars long",
        "a.n: Invalid value: \"X_y\": a.n in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
    ];
    assert_eq!(findings, expected);
}

#[test]
fn unknown_fields_get_a_suggestion() {
    let findings = found("securityPolcy: 1\nzzz: 2\n", |root| {
        root.object(&["securityPolicy", "path"]);
    });
    let expected = [
        "unknown field \"securityPolcy\" (did you mean \"securityPolicy\"?)",
        "unknown field \"zzz\"",
    ];
    assert_eq!(findings, expected);
}

#[test]
fn durations_are_those_of_the_gateway_api() {
    let millis = |text| rule::duration(text).map(|duration| duration.as_millis());
    assert_eq!(millis("1m30s"), Some(90_000));
    assert_eq!(millis("250ms"), Some(250));
    for text in ["", "1", "s", "1d", "100000s", "-1s", "1s1s1s1s1s", "1.5s", "1 s"] {
        assert_eq!(millis(text), None, "{text}");
    }
}

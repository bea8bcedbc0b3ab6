use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::*;
use crate::object::Object;

/// The value, raw, if the reader takes it.
fn read(text: &str) -> Option<&str> {
    let mut reader = Reader::new(text);
    let raw = <&RawValue>::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(raw.get())
}

/// The members of an object, if the reader takes it.
fn members(text: &str) -> Option<Vec<(String, String)>> {
    struct Pairs(Vec<(String, String)>);

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            while let Some(crate::key::Key(key)) = map.next_key()? {
                let value: &RawValue = map.next_value()?;
                self.0.push((key.into_owned(), value.get().to_owned()));
            }
            Ok(self.0)
        }
    }

    let mut reader = Reader::new(text);
    let members = reader.deserialize_map(Pairs(Vec::new())).ok()?;
    reader.end().ok()?;
    Some(members)
}

#[test]
fn common_json_is_taken() {
    for text in [
        "0",
        "-0",
        "10",
        "-1.50e+7",
        "2E-1",
        "true",
        "false",
        "null",
        r#""""#,
        "[]",
        "{}",
        "[[]]",
        r#"{"a":[1,{"b":null},"c"],"d":{}}"#,
        " [ 1 , 2 ] ",
        r#"{ "a" : { } , "b" : [ ] }"#,
        r#""\"\\\/\b\f\n\r\t\u00e9\ud800""#,
        "\"é\u{2028}\u{7f}\"",
        r#""a string that is longer than sixteen bytes, with \"escapes\" and { [ brackets""#,
    ] {
        assert_eq!(read(text), Some(text.trim()), "{text}");
        let _: IgnoredAny = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    }
}

#[test]
fn what_is_not_json_is_left_to_the_other_parser() {
    for text in [
        "",
        " ",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "tru",
        "True",
        "nul",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12",
        "\"a\nb\"",
        "\"a string that is longer than\t16 bytes\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1]",
        "[1}",
        "[{]}",
        "1 1",
        "{} {}",
        "\u{feff}1",
        "1\u{c}",
        "NaN",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&nested(MAX_DEPTH)).is_some());
    assert!(read(&nested(MAX_DEPTH + 1)).is_none());
    let mixed = format!("{}{}", "[{\"a\":".repeat(64), "}]".repeat(64));
    assert!(read(&mixed.replace(":}", ":1}")).is_some());
}

/// Text of JSON's own characters: most of it broken, some of it good.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u00e9",
        "\\n",
        "\n",
        " ",
        "0",
        "1",
        "-",
        ".",
        "e",
        "true",
        "null",
        "\"a\"",
        "\"k\":",
        "\u{1}",
        "é",
        "abcdefghijklmnopq",
    ]);
    prop::collection::vec(scrap, 0..14).prop_map(|scraps| scraps.concat())
}

/// Good JSON, now and then with a byte changed.
fn nearly() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-12.5e-7".to_owned()),
        any::<u64>().prop_map(|number| number.to_string()),
        ".{0,40}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let json = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec((".{0,20}", inner), 0..4).prop_map(|members| {
                let member = |(key, value): &(String, String)| {
                    format!("{} : {value}", serde_json::to_string(key).unwrap())
                };
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }),
        ]
    });
    (json, any::<prop::sample::Index>(), prop::option::of(any::<char>())).prop_map(
        |(json, at, spoilt)| match spoilt {
            Some(spoilt) if !json.is_empty() => {
                let at = json.floor_char_boundary(at.index(json.len()));
                let rest = json[at..].chars().next().map_or(0, char::len_utf8);
                format!("{}{spoilt}{}", &json[..at], &json[at + rest..])
            }
            _ => json,
        },
    )
}

#[test]
fn strings_end_wherever_their_quote_stands() {
    for plain in ["a", "é", "\u{7f}", "\u{10ffff}", "!", "#", "[", "]", "\u{a2}", "\u{dc}"] {
        for length in 0..40 {
            let text = plain.repeat(length);
            assert_eq!(read(&format!("\"{text}\"")), Some(&*format!("\"{text}\"")), "{text}");
            for ended in ['\0', '\u{1f}', '\n'] {
                let broken = format!("\"{text}{ended}{plain}\"");
                assert_eq!(read(&broken), None, "{broken:?}");
            }
            let escaped = format!("\"{text}\\\"{plain}\"");
            assert_eq!(read(&escaped), Some(&*escaped));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn nothing_is_taken_that_the_other_parser_refuses(text in prop_oneof![scraps(), nearly()]) {
        let other = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
        // For good JSON of ordinary depth the two agree in both directions.
        prop_assert_eq!(read(&text), other);
        if let Some(members) = members(&text) {
            // Raw: a number may be larger than any that a program can hold.
            let _: std::collections::HashMap<String, &RawValue> =
                serde_json::from_str(&text).unwrap();
            let keys: std::collections::HashSet<_> = members.iter().map(|(key, _)| key).collect();
            if keys.len() == members.len() {
                let object = Object::parse(&text).unwrap();
                let others: Vec<_> = object.members().iter()
                    .map(|member| (member.key.to_string(), member.value.get().to_owned())).collect();
                prop_assert_eq!(members, others);
            }
        }
    }
}

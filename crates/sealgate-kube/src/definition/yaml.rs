//! A JSON value in, block YAML out. Every string is quoted as JSON quotes it, which YAML reads the
//! same way, so that no text can be taken for another type.

use std::fmt::Write;

use serde_json::Value;

/// One YAML document.
pub(super) fn document(value: &Value) -> String {
    let mut text = "---\n".to_owned();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                indent(depth, text);
                text.push_str(key);
                text.push(':');
                below(value, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, text);
                text.push('-');
                below(item, depth + 1, text);
            }
        }
        scalar => {
            indent(depth, text);
            leaf(scalar, text);
        }
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write(value, depth, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write(value, depth, text);
        }
        scalar => {
            text.push(' ');
            leaf(scalar, text);
        }
    }
}

fn leaf(value: &Value, text: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{value}");
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

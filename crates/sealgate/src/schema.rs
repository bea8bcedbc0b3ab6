//! `sealgate schema`: a JSON Schema of the resources, for editors.

use std::io::Write as _;
use std::process::ExitCode;

#[cfg(feature = "kube")]
use serde_json::Value;

/// Prints it to stdout.
pub(crate) fn schema() -> ExitCode {
    #[cfg_attr(
        not(feature = "kube"),
        expect(unused_mut, reason = "described where there are definitions")
    )]
    let mut schema = sealgate_config::schema();
    #[cfg(feature = "kube")]
    for (kind, definition) in sealgate_kube::definition::schemas() {
        describe(&mut schema["$defs"][kind], &definition);
    }
    match writeln!(std::io::stdout().lock(), "{schema:#}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes the descriptions of the CustomResourceDefinitions: they stand at the Rust types.
#[cfg(feature = "kube")]
fn describe(schema: &mut Value, definition: &Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.iter_mut().for_each(|choice| describe(choice, definition));
    }
    if let (Some(items), Some(known)) = (fields.get_mut("items"), definition.get("items")) {
        describe(items, known);
    }
    let Some(Value::Object(properties)) = fields.get_mut("properties") else { return };
    for (name, property) in properties {
        let Some(known) = definition["properties"].get(name) else { continue };
        describe(property, known);
        if let (Some(property), Some(text)) = (property.as_object_mut(), known.get("description")) {
            property.insert("description".to_owned(), text.clone());
        }
    }
}

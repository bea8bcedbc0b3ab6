//! Enters: the report of one backend. Leaves: a few lines for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::text_of;

/// One paragraph; names that servers chose cannot move the cursor.
pub(super) fn text(report: &Value) -> String {
    let mut out =
        format!("{} backend {}\n", text_of(&report["route"]), text_of(&report["backend"]));
    line(&mut out, "target", text_of(&report["target"]));
    match report.get("identity") {
        Some(identity) => signing(&mut out, report, identity),
        None => line(&mut out, "credential", text_of(&report["credential"])),
    }
    line(&mut out, "initialize", &initialize(&report["initialize"]));
    if !report["tools"].is_null() {
        line(&mut out, "tools/list", &tools(&report["tools"]));
    }
    line(&mut out, "fix", report["fix"].as_str().unwrap_or("nothing"));
    out.push('\n');
    out
}

fn signing(out: &mut String, report: &Value, identity: &Value) {
    line(out, "identity", text_of(&identity["source"]));
    if let Some(error) = identity.get("error") {
        line(out, "", &failed(error));
    } else {
        let expiry = match identity["expiresInSeconds"].as_u64() {
            Some(seconds) => format!("expires in {} min {} s", seconds / 60, seconds % 60),
            None => "does not expire".to_owned(),
        };
        let (key, by) = (text_of(&identity["accessKeyId"]), text_of(&identity["providedBy"]));
        line(out, "key", &format!("{key}, from {by}, {expiry}"));
        let account = identity["account"].as_str().unwrap_or("unknown");
        match identity["arn"].as_str() {
            Some(arn) => line(out, "account", &format!("{account} as {arn}")),
            None => {
                let error = identity.get("callerError").map(failed).unwrap_or_default();
                line(out, "account", &format!("{account}; {error}"));
            }
        }
    }
    let scope = &report["scope"];
    for part in ["service", "region"] {
        let (value, reason) = (&scope[part], &scope[format!("{part}Reason")]);
        line(out, part, &format!("{} ({})", text_of(value), text_of(reason)));
    }
    if let Some(signed) = report.get("signed") {
        let mut name = "signed";
        for part in text_of(&signed["canonicalRequest"]).lines() {
            line(out, name, part);
            name = "";
        }
    }
}

fn initialize(step: &Value) -> String {
    if let Some(error) = step.get("error") {
        return failed(error);
    }
    format!(
        "ok in {} ms: {} {}, protocol {}",
        step["milliseconds"],
        text_of(&step["server"]["name"]),
        text_of(&step["server"]["version"]),
        text_of(&step["protocolVersion"]),
    )
}

fn tools(step: &Value) -> String {
    if let Some(error) = step.get("error") {
        return failed(error);
    }
    let names: Vec<_> = step["names"].as_array().into_iter().flatten().map(text_of).collect();
    let count = step["count"].as_u64().unwrap_or_default();
    let more = if count > names.len() as u64 { ", …" } else { "" };
    format!("ok, {count}: {}{more}", names.join(", "))
}

fn failed(error: &Value) -> String {
    let code = [&error["reason"], &error["code"]].into_iter().find_map(Value::as_str);
    format!("FAILED ({}): {}", code.unwrap_or("error"), text_of(&error["message"]))
}

fn line(out: &mut String, name: &str, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Writing to a String does not fail.
    let _ = writeln!(out, "  {name:<11} {text}");
}

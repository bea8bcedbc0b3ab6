use std::time::Duration;

use super::{TextProfile, read};
use crate::secret::Secret;

fn profile(text: &str, profile: &str) -> Result<TextProfile, String> {
    read(&Secret::new(text), profile).map_err(|error| error.to_string())
}

#[test]
fn static_keys_and_the_session_token_are_read() {
    let text = "\u{feff}# a comment\r\n[default]\r\naws_access_key_id = AKID\r\n\
                aws_secret_access_key=sec/ret+with=signs # and a remark\r\n\
                AWS_SESSION_TOKEN = token==\r\nregion = eu-west-1\r\n\r\n[other]\nx = 1\n";
    let found = profile(text, "").unwrap();
    assert_eq!(found.credentials.access_key_id, "AKID");
    assert_eq!(found.credentials.secret_access_key.expose(), "sec/ret+with=signs");
    assert_eq!(found.credentials.session_token.unwrap().expose(), "token==");
    assert_eq!(found.region.as_deref(), Some("eu-west-1"));
    assert!(found.roles.is_empty());
}

#[test]
fn roles_stand_on_profiles_of_the_same_text() {
    let text = "
        [top]
        role_arn = arn:aws:iam::2:role/top
        source_profile = middle
        external_id = ext
        role_session_name = me
        duration_seconds = 900
        [profile middle]
        role_arn = arn:aws:iam::1:role/middle
        source_profile = base
        [base]
        aws_access_key_id = A
        aws_secret_access_key = B
    ";
    let found = profile(text, "top").unwrap();
    assert_eq!(found.credentials.access_key_id, "A");
    let arns: Vec<_> = found.roles.iter().map(|role| role.role_arn.as_str()).collect();
    assert_eq!(arns, ["arn:aws:iam::1:role/middle", "arn:aws:iam::2:role/top"]);
    assert_eq!(found.roles[1].external_id.as_deref(), Some("ext"));
    assert_eq!(found.roles[1].session_name.as_deref(), Some("me"));
    assert_eq!(found.roles[1].duration, Some(Duration::from_secs(900)));
}

#[test]
fn a_role_may_stand_on_the_keys_beside_it() {
    let text = "[a]\nrole_arn = r\nsource_profile = a\naws_access_key_id = A\n\
                aws_secret_access_key = B\n";
    assert_eq!(profile(text, "a").unwrap().roles.len(), 1);
}

#[test]
fn what_reaches_outside_of_the_text_is_refused_by_name() {
    for key in [
        "credential_process",
        "credential_source",
        "web_identity_token_file",
        "login_session",
        "mfa_serial",
        "sso_start_url",
        "sso_session",
        "sso_account_id",
    ] {
        let text =
            format!("[default]\naws_access_key_id = A\naws_secret_access_key = B\n{key} = value\n");
        let error = profile(&text, "default").unwrap_err();
        assert!(error.contains(key), "{key}: {error}");
    }
    let through = "[a]\nrole_arn = r\nsource_profile = b\n[b]\ncredential_process = touch x\n";
    assert!(profile(through, "a").unwrap_err().contains("credential_process"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, expected) in [
        ("[default\n", "line 1"),
        ("key = value\n", "line 1"),
        ("[default]\nnonsense\n", "line 2"),
        ("[default]\naws_access_key_id = A\n", "lacks aws_secret_access_key"),
        ("[default]\naws_access_key_id =\n", "lacks aws_access_key_id"),
        ("[dev]\n", "no profile default; its profiles: dev"),
        ("", "no profile default; its profiles: none"),
        ("[default]\nrole_arn = r\n", "without source_profile"),
        ("[default]\nrole_arn = r\nsource_profile = x\n", "no profile x"),
        (
            "[default]\nrole_arn = r\nsource_profile = b\n[b]\nrole_arn = q\nsource_profile = default",
            "circle",
        ),
        ("[default]\nrole_arn = r\nsource_profile = default\nduration_seconds = soon", "no number"),
    ] {
        let error = profile(text, "default").unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn errors_hold_nothing_of_the_values() {
    let error = profile("[default]\naws_secret_access_key s3cr3t\n", "default").unwrap_err();
    assert!(!error.contains("s3cr3t"));
}

#[test]
fn settings_nested_below_a_key_are_passed_over() {
    let text = "[default]\naws_access_key_id = A\naws_secret_access_key = B\ns3 =\n  \
                addressing_style = path\n  not a setting\nregion = x\n";
    assert_eq!(profile(text, "default").unwrap().region.as_deref(), Some("x"));
}

//! Identities against an STS on the loopback and files in a folder of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod oidc;
mod sts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sealgate_aws::identity::{AssumeRole, IdentityError, ProfileFiles, Source};
use sealgate_aws::{Credentials, Identity, IdentitySpec, Secret};
use sts::{Sts, granted, refused};
use tokio::runtime::Handle;

const HOUR: Duration = Duration::from_secs(3600);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn start(spec: IdentitySpec) -> Arc<Identity> {
    Identity::start(spec, &Handle::current())
}

fn keys() -> Source {
    Source::Static(Credentials::new("AKIDBASE", "base-secret"))
}

fn assuming(role: AssumeRole, sts: &Sts) -> IdentitySpec {
    let mut spec = IdentitySpec::new(keys()).with_role(role);
    spec.sts_endpoint = Some(sts.endpoint.clone());
    spec.sts_region = Some("eu-west-1".into());
    spec
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn static_keys_are_there_at_once() {
    let identity = start(IdentitySpec::new(keys()));
    let credentials = identity.ready().await.unwrap();
    assert_eq!(credentials.access_key_id, "AKIDBASE");
    let status = identity.status();
    assert_eq!(status.next_refresh_at, None);
    assert_eq!(status.provided_by.as_deref(), Some("static keys"));
    assert_eq!(status.generation, 1);
}

#[tokio::test]
async fn a_role_is_assumed_with_all_that_was_asked_for() {
    let sts = Sts::start(|_, _| granted("AssumeRole", "ASIAROLE", HOUR)).await;
    let role = AssumeRole {
        external_id: Some("ext".into()),
        session_name: Some("gateway".into()),
        duration: Some(Duration::from_secs(900)),
        policy: Some("{}".into()),
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
        tags: vec![("team".into(), "a b".into())],
        transitive_tags: vec!["team".into()],
        source_identity: Some("alice".into()),
        ..AssumeRole::new("arn:aws:iam::123456789012:role/r")
    };
    let identity = start(assuming(role, &sts));
    let credentials = identity.ready().await.unwrap();
    assert_eq!(credentials.access_key_id, "ASIAROLE");
    assert_eq!(credentials.session_token, Some(Secret::new("token-ASIAROLE")));
    assert_eq!(credentials.account_id.as_deref(), Some("123456789012"));

    let asked = sts.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].authorization.contains("Credential=AKIDBASE/"));
    assert!(asked[0].authorization.contains("/eu-west-1/sts/"));
    for (field, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::123456789012:role/r"),
        ("ExternalId", "ext"),
        ("RoleSessionName", "gateway"),
        ("DurationSeconds", "900"),
        ("Policy", "{}"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a b"),
        ("TransitiveTagKeys.member.1", "team"),
        ("SourceIdentity", "alice"),
    ] {
        assert_eq!(asked[0].fields.get(field).map(String::as_str), Some(value), "{field}");
    }
    let refresh = identity.status().next_refresh_at.unwrap();
    let wait = refresh.duration_since(SystemTime::now()).unwrap();
    assert!(wait > Duration::from_secs(2500) && wait < Duration::from_secs(2881), "{wait:?}");
}

#[tokio::test]
async fn each_role_of_a_chain_is_assumed_with_the_one_before() {
    let sts = Sts::start(|number, _| {
        granted("AssumeRole", if number == 0 { "ASIAFIRST" } else { "ASIASECOND" }, HOUR)
    })
    .await;
    let spec = assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts)
        .with_role(AssumeRole::new("arn:aws:iam::2:role/b"));
    let identity = start(spec);
    assert_eq!(identity.ready().await.unwrap().access_key_id, "ASIASECOND");
    let asked = sts.asked();
    assert!(asked[1].authorization.contains("Credential=ASIAFIRST/"));
    assert_eq!(asked[1].fields["RoleArn"], "arn:aws:iam::2:role/b");
    assert_eq!(asked[1].fields["RoleSessionName"], "sealgate");
}

#[tokio::test]
async fn roles_of_a_credentials_text_are_assumed() {
    let sts = Sts::start(|_, _| granted("AssumeRole", "ASIATEXT", HOUR)).await;
    let text = "[default]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = base\n\
                region = ap-south-1\n[base]\naws_access_key_id = AKIDTEXT\n\
                aws_secret_access_key = s\n";
    let mut spec = IdentitySpec::new(Source::CredentialsText {
        origin: "text".into(),
        text: Secret::new(text),
        profile: "default".into(),
    });
    spec.sts_endpoint = Some(sts.endpoint.clone());
    let identity = start(spec);
    assert_eq!(identity.ready().await.unwrap().access_key_id, "ASIATEXT");
    assert!(sts.asked()[0].authorization.contains("Credential=AKIDTEXT/"));
    assert!(sts.asked()[0].authorization.contains("/ap-south-1/sts/"));
}

#[tokio::test]
async fn a_refusal_by_sts_reaches_the_caller_in_awss_words() {
    let sts = Sts::start(|_, _| refused(403, "AccessDenied", "User x may not assume y")).await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    let error = identity.ready().await.unwrap_err();
    let IdentityError::Refused { asked, code, message } = &error else { panic!("{error:?}") };
    assert_eq!(&**code, "AccessDenied");
    assert_eq!(&**message, "User x may not assume y");
    assert!(asked.contains("arn:aws:iam::1:role/a"));
    assert_eq!(error.code(), "credentials_refused");
    assert_eq!(identity.status().failures, 1);
    assert_eq!(identity.status().last_error, Some(error));
}

#[tokio::test]
async fn an_expired_token_is_told_apart_from_a_refusal() {
    let sts = Sts::start(|_, _| refused(403, "ExpiredToken", "The token is expired")).await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    assert!(matches!(identity.ready().await, Err(IdentityError::Expired { .. })));
}

#[tokio::test]
async fn an_sts_that_cannot_be_reached_is_told_apart() {
    // Bound and closed again: nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut spec = IdentitySpec::new(keys()).with_role(AssumeRole::new("arn:aws:iam::1:role/a"));
    spec.sts_endpoint = Some(format!("http://{address}"));
    let error = start(spec).ready().await.unwrap_err();
    assert_eq!(error.code(), "credentials_unreachable", "{error}");
}

#[tokio::test]
async fn what_is_valid_is_served_while_a_refresh_fails() {
    let sts = Sts::start(|number, _| match number {
        0 => granted("AssumeRole", "ASIAONE", HOUR),
        _ => refused(400, "AccessDenied", "no more"),
    })
    .await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    identity.ready().await.unwrap();
    let generation = identity.generation();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let still = identity.refresh_now(generation).await.unwrap();
    assert_eq!(still.access_key_id, "ASIAONE");
    let status = identity.status();
    assert_eq!(status.generation, generation);
    assert_eq!(status.failures, 1);
    assert_eq!(status.last_error.unwrap().code(), "credentials_refused");
    assert!(status.next_refresh_at.unwrap() < SystemTime::now() + Duration::from_secs(2));
}

#[tokio::test]
async fn a_forced_refresh_is_made_once_for_all_who_ask() {
    let sts = Sts::start(|number, _| granted("AssumeRole", &format!("ASIA{number}"), HOUR)).await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    identity.ready().await.unwrap();
    let seen = identity.generation();
    let mut waiting = Vec::new();
    for _ in 0..16 {
        let identity = Arc::clone(&identity);
        waiting.push(tokio::spawn(async move { identity.refresh_now(seen).await }));
    }
    for task in waiting {
        assert_eq!(task.await.unwrap().unwrap().access_key_id, "ASIA1");
    }
    assert_eq!(sts.asked().len(), 2);
    // Who saw the old generation gets the new credentials without another attempt.
    assert_eq!(identity.refresh_now(seen).await.unwrap().access_key_id, "ASIA1");
    assert_eq!(sts.asked().len(), 2);
}

#[tokio::test]
async fn a_rotation_forced_again_within_the_second_is_followed() {
    let sts = Sts::start(|number, _| granted("AssumeRole", &format!("ASIA{number}"), HOUR)).await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    identity.ready().await.unwrap();
    for rotation in 1..=3 {
        let seen = identity.generation();
        let mut waiting = Vec::new();
        for _ in 0..8 {
            let identity = Arc::clone(&identity);
            waiting.push(tokio::spawn(async move { identity.refresh_now(seen).await }));
        }
        for task in waiting {
            let found = task.await.unwrap().unwrap();
            assert_eq!(found.access_key_id, format!("ASIA{rotation}"));
        }
    }
    assert_eq!(sts.asked().len(), 4, "one attempt a rotation, whoever asks");
}

#[tokio::test]
async fn a_forced_refresh_that_brings_nothing_new_is_not_repeated_at_once() {
    let identity = start(IdentitySpec::new(keys()));
    identity.ready().await.unwrap();
    let seen = identity.generation();
    for _ in 0..50 {
        assert_eq!(identity.refresh_now(seen).await.unwrap().access_key_id, "AKIDBASE");
    }
    assert_eq!(identity.generation(), seen);
    // The first, and one for each second that went by.
    assert!(identity.status().refreshes < 10, "{}", identity.status().refreshes);
}

#[tokio::test]
async fn short_lives_are_renewed_before_they_end() {
    let sts = Sts::start(|number, _| {
        granted("AssumeRole", &format!("ASIA{number}"), Duration::from_secs(4))
    })
    .await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    let first = identity.ready().await.unwrap();
    let seen = identity.generation();
    tokio::time::timeout(PATIENCE, identity.changed(seen)).await.unwrap();
    assert!(!first.is_expired(SystemTime::now()), "renewed only after the expiry");
    assert_eq!(identity.current().unwrap().access_key_id, "ASIA1");
}

#[tokio::test]
async fn a_changed_profile_file_counts_within_a_second() {
    let folder = folder("rotation");
    let file = folder.join("credentials");
    let write = |id: &str| {
        let text = format!("[dev]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
        std::fs::write(&file, text).unwrap();
    };
    write("AKIDOLD");
    let mut spec = IdentitySpec::new(Source::Profile("dev".into()));
    spec.profile_files = Some(ProfileFiles { config: None, credentials: Some(file.clone()) });
    let identity = start(spec);
    assert_eq!(identity.ready().await.unwrap().access_key_id, "AKIDOLD");
    let seen = identity.generation();
    let changed = SystemTime::now();
    write("AKIDNEW");
    tokio::time::timeout(PATIENCE, identity.changed(seen)).await.unwrap();
    assert_eq!(identity.current().unwrap().access_key_id, "AKIDNEW");
    let took = changed.elapsed().unwrap();
    assert!(took < Duration::from_secs(5), "took {took:?}");
}

#[tokio::test]
async fn a_missing_profile_is_named() {
    let folder = folder("missing");
    let file = folder.join("credentials");
    std::fs::write(&file, "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n").unwrap();
    let mut spec = IdentitySpec::new(Source::Profile("prod".into()));
    spec.profile_files = Some(ProfileFiles { config: None, credentials: Some(file) });
    let error = start(spec).ready().await.unwrap_err();
    assert!(error.to_string().contains("profile prod"), "{error}");
}

#[tokio::test]
async fn an_ended_single_sign_on_names_the_profile_and_the_command() {
    let folder = folder("sso");
    let file = folder.join("config");
    let text = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\n\
                sso_role_name = r\n[sso-session corp]\nsso_region = us-east-1\n\
                sso_start_url = https://sealgate-test.invalid/start\n";
    std::fs::write(&file, text).unwrap();
    let mut spec = IdentitySpec::new(Source::Profile("dev".into()));
    spec.profile_files = Some(ProfileFiles { config: Some(file), credentials: None });
    let error = start(spec).ready().await.unwrap_err();
    let IdentityError::Expired { profile, renew, .. } = &error else { panic!("{error:?}") };
    assert_eq!(profile.as_deref(), Some("dev"));
    assert_eq!(renew.as_deref(), Some("aws sso login --profile dev"));
    assert_eq!(error.remedy(), "Run `aws sso login --profile dev`.");
}

#[tokio::test]
async fn a_profile_of_aws_login_is_refused_with_the_way_around() {
    let file = folder("login").join("config");
    let text = "[profile dev]\nlogin_session = arn:aws:iam::123456789012:user/ann\n\
                [profile over]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = dev\n";
    std::fs::write(&file, text).unwrap();
    for name in ["dev", "over"] {
        let mut spec = IdentitySpec::new(Source::Profile(name.into()));
        spec.profile_files = Some(ProfileFiles { config: Some(file.clone()), credentials: None });
        let error = start(spec).ready().await.unwrap_err();
        assert!(error.to_string().contains("`aws login`"), "{error}");
        assert!(error.remedy().contains("aws configure export-credentials"), "{}", error.remedy());
    }
}

#[tokio::test]
async fn a_credential_process_of_a_profile_is_run() {
    let folder = folder("process");
    let file = folder.join("config");
    let text = r#"[profile dev]
credential_process = printf '{"Version":1,"AccessKeyId":"AKIDPROC","SecretAccessKey":"s"}'
"#;
    std::fs::write(&file, text).unwrap();
    let mut spec = IdentitySpec::new(Source::Profile("dev".into()));
    spec.profile_files = Some(ProfileFiles { config: Some(file), credentials: None });
    assert_eq!(start(spec).ready().await.unwrap().access_key_id, "AKIDPROC");
}

#[tokio::test]
async fn a_web_identity_token_is_exchanged_and_read_again() {
    let sts = Sts::start(|number, _| {
        granted("AssumeRoleWithWebIdentity", &format!("ASIAWEB{number}"), HOUR)
    })
    .await;
    let file = folder("web").join("token");
    std::fs::write(&file, "first.jwt\n").unwrap();
    let mut spec = IdentitySpec::new(Source::WebIdentity {
        token_file: file.clone(),
        role: AssumeRole::new("arn:aws:iam::1:role/web"),
    });
    spec.sts_endpoint = Some(sts.endpoint.clone());
    let identity = start(spec);
    assert_eq!(identity.ready().await.unwrap().access_key_id, "ASIAWEB0");
    let seen = identity.generation();
    std::fs::write(&file, "second.jwt").unwrap();
    tokio::time::timeout(PATIENCE, identity.changed(seen)).await.unwrap();
    let asked = sts.asked();
    assert_eq!(asked[0].fields["WebIdentityToken"], "first.jwt");
    assert_eq!(asked[1].fields["WebIdentityToken"], "second.jwt");
    assert_eq!(asked[0].authorization, "");
}

#[tokio::test]
async fn a_missing_token_file_is_named() {
    let file = folder("no-token").join("token");
    let spec = IdentitySpec::new(Source::WebIdentity {
        token_file: file.clone(),
        role: AssumeRole::new("arn:aws:iam::1:role/web"),
    });
    let error = start(spec).ready().await.unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn the_task_ends_with_the_last_reference() {
    let sts = Sts::start(|number, _| {
        granted("AssumeRole", &format!("ASIA{number}"), Duration::from_secs(2))
    })
    .await;
    let identity = start(assuming(AssumeRole::new("arn:aws:iam::1:role/a"), &sts));
    identity.ready().await.unwrap();
    drop(identity);
    let before = sts.asked().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sts.asked().len(), before);
}

use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;
use sealgate_config::{Options, Source};

use super::asker::Owner;
use super::*;
use crate::observe::Metrics;

const KIND: ListKind = ListKind::Tools;

/// The lists of a backend that is configured so.
fn lists(settings: ListSettings) -> Arc<BackendLists> {
    of(&Lists::default(), settings)
}

fn of(all: &Lists, settings: ListSettings) -> Arc<BackendLists> {
    let source = Source::Url("http://127.0.0.1:1/mcp".to_owned());
    let mut outcome = sealgate_config::load(&[source], &Options::default());
    let mut backend = outcome.resolved.routes.remove(0).backends.remove(0);
    backend.lists = settings;
    all.of("r", &backend, &Metrics::new().backend("r", "b"))
}

fn cached(cache: ListCacheSetting) -> ListSettings {
    ListSettings { cache, ..ListSettings::default() }
}

fn asker(told: u8, principal: u8, session: Option<u64>) -> Asker {
    let owner = Owner { principal: [principal; 16], session };
    Asker { told: [told; 32], known: [told; 32], owner }
}

/// A page that names one tool.
fn page(tool: &str, hints: &str) -> Bytes {
    format!(r#"{{"tools":[{{"name":"{tool}"}}]{hints}}}"#).into()
}

const PUBLIC: &str = r#","ttlMs":60000,"cacheScope":"public""#;
const PRIVATE: &str = r#","ttlMs":60000,"cacheScope":"private""#;

/// Asks for the first page of a modern backend that would answer `fresh`; what was answered.
async fn ask(lists: &BackendLists, asker: &Asker, fresh: &Bytes) -> Bytes {
    let fetch = async { Ok(Some(fresh.clone())) };
    lists.page(asker, KIND, None, true, fetch).await.unwrap().unwrap().result
}

#[tokio::test]
async fn a_public_page_is_everybodys_and_a_private_one_its_owners() {
    let (one, other) = (asker(0, 1, None), asker(0, 2, None));
    for (hints, is_shared) in [(PUBLIC, true), (PRIVATE, false)] {
        let lists = lists(ListSettings::default());
        let (first, second) = (page("first", hints), page("second", hints));
        assert_eq!(ask(&lists, &one, &first).await, first);
        assert_eq!(ask(&lists, &one, &second).await, first);
        let expected = if is_shared { &first } else { &second };
        assert_eq!(ask(&lists, &other, &second).await, expected);
    }
}

#[tokio::test]
async fn even_a_public_page_is_kept_apart_by_what_the_backend_is_told_of_the_client() {
    let lists = lists(ListSettings::default());
    let (first, second) = (page("first", PUBLIC), page("second", PUBLIC));
    ask(&lists, &asker(0, 1, None), &first).await;
    assert_eq!(ask(&lists, &asker(9, 1, None), &second).await, second);
}

#[tokio::test]
async fn without_a_hint_nothing_is_kept_unless_configured() {
    let (one, other) = (asker(0, 1, Some(1)), asker(0, 1, Some(2)));
    let (first, second) = (page("first", ""), page("second", ""));
    let ttl = Duration::from_secs(60);
    let expected = [
        (ListCacheSetting::Hinted, [&second, &second]),
        (ListCacheSetting::Off, [&second, &second]),
        (ListCacheSetting::For { ttl, is_shared: false }, [&first, &second]),
        (ListCacheSetting::For { ttl, is_shared: true }, [&first, &first]),
    ];
    for (cache, [own, others]) in expected {
        let lists = lists(cached(cache));
        ask(&lists, &one, &first).await;
        assert_eq!(ask(&lists, &one, &second).await, own, "{cache:?}");
        assert_eq!(ask(&lists, &other, &second).await, others, "{cache:?}");
    }
}

#[tokio::test]
async fn nothing_is_kept_of_what_says_so_or_is_no_page() {
    let ttl = Duration::from_secs(60);
    let lists = lists(cached(ListCacheSetting::For { ttl, is_shared: true }));
    let fresh = page("fresh", PUBLIC);
    for stale in [
        page("stale", r#","ttlMs":0,"cacheScope":"public""#),
        page("stale", r#","ttlMs":-5,"cacheScope":"public""#),
        Bytes::from_static(br#"{"resultType":"complete"}"#),
        Bytes::from_static(br#"{"tools":{}}"#),
        Bytes::from_static(b"[]"),
    ] {
        ask(&lists, &asker(0, 1, None), &stale).await;
        assert!(lists.shelf.size().0 == 0, "{stale:?}");
    }
    assert_eq!(ask(&lists, &asker(0, 1, None), &fresh).await, fresh);
}

#[tokio::test]
async fn off_keeps_nothing_whatever_the_backend_says() {
    let lists = lists(cached(ListCacheSetting::Off));
    ask(&lists, &asker(0, 1, None), &page("first", PUBLIC)).await;
    assert_eq!(lists.shelf.size(), (0, 0));
}

#[tokio::test]
async fn a_page_is_given_with_what_is_left_of_its_time() {
    let lists = lists(ListSettings::default());
    let one = asker(0, 1, None);
    ask(&lists, &one, &page("a", PUBLIC)).await;
    let never = async { panic!("it is kept") };
    let kept = lists.page(&one, KIND, None, true, never).await.unwrap().unwrap();
    let hints = kept.hints.unwrap();
    assert!(hints.ttl_ms <= 60_000 && hints.ttl_ms > 0, "{hints:?}");
    assert_eq!(hints.scope, CacheScope::Public);
}

#[tokio::test]
async fn a_page_that_is_over_is_fetched_again() {
    let lists = lists(ListSettings::default());
    let one = asker(0, 1, None);
    let short = page("old", r#","ttlMs":1,"cacheScope":"public""#);
    ask(&lists, &one, &short).await;
    std::thread::sleep(Duration::from_millis(3));
    let fresh = page("new", PUBLIC);
    assert_eq!(ask(&lists, &one, &fresh).await, fresh);
}

#[tokio::test]
async fn a_changed_list_is_forgotten_and_others_are_not() {
    let lists = lists(ListSettings::default());
    let one = asker(0, 1, None);
    let (first, second) = (page("first", PUBLIC), page("second", PUBLIC));
    ask(&lists, &one, &first).await;
    let prompts = br#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
    assert_eq!(lists.heard(prompts), Some(Offers::PROMPTS));
    assert_eq!(ask(&lists, &one, &second).await, first);
    let log = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"tools/list_changed"}}"#;
    assert_eq!(lists.heard(log), None);
    let tools = br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    assert_eq!(lists.heard(tools), Some(Offers::TOOLS));
    assert_eq!(ask(&lists, &one, &second).await, second);
}

#[tokio::test]
async fn a_page_that_was_on_its_way_when_its_list_changed_is_not_kept() {
    let lists = lists(ListSettings::default());
    let one = asker(0, 1, None);
    let fetch = async {
        lists.changed(KIND);
        Ok(Some(page("old", PUBLIC)))
    };
    lists.page(&one, KIND, None, true, fetch).await.unwrap();
    let fresh = page("new", PUBLIC);
    assert_eq!(ask(&lists, &one, &fresh).await, fresh);
}

#[tokio::test]
async fn a_thousand_askers_cost_one_question() {
    let lists = lists(ListSettings::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let (open, gate) = tokio::sync::watch::channel(false);
    let askers: Vec<_> = (0..1000)
        .map(|number| {
            let (lists, asked) = (Arc::clone(&lists), Arc::clone(&asked));
            let mut gate = gate.clone();
            let asker = asker(0, u8::try_from(number % 250).unwrap(), None);
            tokio::spawn(async move {
                let fetch = async {
                    asked.fetch_add(1, Ordering::SeqCst);
                    gate.wait_for(|open| *open).await.unwrap();
                    Ok(Some(page("a", PUBLIC)))
                };
                lists.page(&asker, KIND, None, true, fetch).await.unwrap().unwrap().result
            })
        })
        .collect();
    tokio::task::yield_now().await;
    open.send_replace(true);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), page("a", PUBLIC));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn askers_of_a_private_list_get_their_own_from_one_question_each() {
    let lists = lists(ListSettings::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let askers: Vec<_> = (0..200_u8)
        .map(|number| {
            let (lists, asked) = (Arc::clone(&lists), Arc::clone(&asked));
            tokio::spawn(async move {
                let owner = number % 20;
                let fetch = async {
                    asked.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(Some(page(&owner.to_string(), PRIVATE)))
                };
                let asker = asker(0, owner, None);
                let answer = lists.page(&asker, KIND, None, true, fetch).await.unwrap().unwrap();
                assert_eq!(answer.result, page(&owner.to_string(), PRIVATE));
            })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn who_waits_for_a_question_that_fails_asks_for_itself() {
    let lists = lists(ListSettings::default());
    let (one, other) = (asker(0, 1, None), asker(0, 2, None));
    let (fail, failing) = tokio::sync::oneshot::channel::<()>();
    let leading = lists.page(&one, KIND, None, true, async {
        let _ = failing.await;
        Err(BackendError::SessionLost)
    });
    let fresh = page("fresh", PUBLIC);
    let joined = ask(&lists, &other, &fresh);
    let fails = async {
        tokio::task::yield_now().await;
        drop(fail);
    };
    let (first, second, ()) = tokio::join!(leading, joined, fails);
    assert!(first.is_err());
    assert_eq!(second, fresh);
}

#[tokio::test]
async fn pages_have_their_own_places_and_a_cursor_that_is_refused_ends_them_all() {
    let lists = lists(ListSettings::default());
    let one = asker(0, 1, None);
    let first = page("first", PUBLIC);
    ask(&lists, &one, &first).await;
    let second = page("second", PUBLIC);
    let fetch = async { Ok(Some(second.clone())) };
    let read = lists.page(&one, KIND, Some("2"), true, fetch).await.unwrap().unwrap();
    assert_eq!(read.result, second);
    let refused = async { Err(BackendError::RpcError { code: -32602, message: String::new() }) };
    assert!(lists.page(&one, KIND, Some("3"), true, refused).await.is_err());
    let fresh = page("fresh", PUBLIC);
    assert_eq!(ask(&lists, &one, &fresh).await, fresh);
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_the_longest_unused_goes() {
    let shelf = Shelf::new(Bounds { pages: 16, bytes: 1 << 20 });
    let key = |number: usize| Key {
        backend: 1,
        what: What::Page(KIND, Some(number.to_string().into())),
        asker: [0; 32],
        owner: None,
    };
    let kept = |size: usize| Kept {
        bytes: vec![0; size].into(),
        hints: CachingHints::NONE,
        since: Instant::now(),
        generation: 0,
    };
    for number in 0..100 {
        shelf.put(key(number), kept(10));
        assert!(shelf.get(&key(0)).is_some(), "it was just used");
        assert!(shelf.size().0 <= 16);
    }
    assert!(shelf.get(&key(99)).is_some());
    assert!(shelf.get(&key(50)).is_none());
    for number in 0..100 {
        shelf.put(key(number), kept(200_000));
        assert!(shelf.size().1 <= 1 << 20);
    }
    shelf.put(key(1000), kept(300_000));
    assert!(shelf.get(&key(1000)).is_none(), "it would take more than a quarter");
    shelf.forget(|_| true);
    assert_eq!(shelf.size(), (0, 0));
}

#[tokio::test]
async fn a_session_that_ends_takes_its_lists_along() {
    let all = Lists::default();
    let ttl = Duration::from_secs(60);
    let lists = of(&all, cached(ListCacheSetting::For { ttl, is_shared: false }));
    for session in [1, 2] {
        ask(&lists, &asker(0, 1, Some(session)), &page("a", "")).await;
    }
    all.end(1);
    assert_eq!(lists.shelf.size().0, 1);
    all.end(2);
    assert_eq!(lists.shelf.size(), (0, 0));
}

#[tokio::test]
async fn a_reload_keeps_the_lists_of_a_backend_that_it_leaves_alone() {
    let all = Lists::default();
    let before = of(&all, ListSettings::default());
    let one = asker(0, 1, None);
    let (first, second) = (page("first", PUBLIC), page("second", PUBLIC));
    ask(&before, &one, &first).await;
    let same = of(&all, ListSettings::default());
    assert_eq!(ask(&same, &one, &second).await, first);
    let other = of(&all, ListSettings { grace: Duration::ZERO, ..ListSettings::default() });
    assert_eq!(ask(&other, &one, &second).await, second);
    drop((before, same));
    assert_eq!(all.shelf.size().0, 1, "what nobody can ask for any more is gone");
}

#[test]
fn the_last_list_is_its_principals_for_as_long_as_the_grace() {
    let lists = lists(ListSettings::default());
    let (one, other) = (asker(0, 1, Some(1)), asker(0, 2, Some(1)));
    assert!(lists.failed(&one, KIND).is_none(), "there is none yet");
    lists.succeeded(&one, KIND, b"items");
    assert_eq!(lists.failed(&one, KIND).as_deref(), Some(&b"items"[..]));
    let in_another_session = asker(0, 1, Some(2));
    assert!(lists.failed(&in_another_session, KIND).is_some());
    assert!(lists.failed(&other, KIND).is_none(), "another principal");
    assert!(lists.failed(&one, ListKind::Prompts).is_none(), "another list");
    *lists.failing() = Instant::now().checked_sub(Duration::from_secs(301));
    assert!(lists.failed(&one, KIND).is_none(), "it has been too long");
    lists.succeeded(&one, KIND, b"items");
    assert!(lists.failed(&one, KIND).is_some());
}

#[test]
fn without_grace_nothing_is_kept_for_an_absence() {
    let lists = lists(ListSettings { grace: Duration::ZERO, ..ListSettings::default() });
    lists.succeeded(&asker(0, 1, None), KIND, b"items");
    assert!(lists.failed(&asker(0, 1, None), KIND).is_none());
    assert_eq!(lists.shelf.size(), (0, 0));
}

proptest! {
    /// Whatever happens in whatever order: a page that a backend gave as private reaches nobody
    /// but its owner, and none reaches a client that the backend was told something else of.
    #[test]
    fn no_list_reaches_whom_it_is_not_for(
        steps in prop::collection::vec(
            (0..3_u8, 0..3_u8, prop::option::of(0..3_u64), 0..3_u8, 0..2_u8),
            1..60,
        ),
        setting in prop::sample::select(vec![0_u8, 1, 2]),
    ) {
        let ttl = Duration::from_secs(60);
        let lists = lists(cached(match setting {
            0 => ListCacheSetting::Hinted,
            1 => ListCacheSetting::For { ttl, is_shared: false },
            _ => ListCacheSetting::For { ttl, is_shared: true },
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (told, principal, session, says, changes) in steps {
            let asker = asker(told, principal, session);
            let hints = ["", PUBLIC, PRIVATE][usize::from(says)];
            let is_private = says == 2 || (says == 0 && setting != 2);
            // The tool is named after whom it is for.
            let owner = if is_private { format!("{principal} {session:?}") } else { "all".into() };
            let fresh = page(&format!("{told} {owner}").replace('"', ""), hints);
            let answer = runtime.block_on(ask(&lists, &asker, &fresh));
            let text = String::from_utf8(answer.to_vec()).unwrap();
            let for_all = format!(r#""{told} all""#);
            let for_one = format!(r#""{told} {principal} {session:?}""#);
            prop_assert!(text.contains(&for_all) || text.contains(&for_one), "{text}");
            if changes == 1 {
                lists.changed(KIND);
            }
        }
    }
}

use super::*;
use crate::model::{Failure, Kind};

fn commit(c: char) -> Commit {
    Commit::new(c.to_string().repeat(40)).unwrap()
}

fn tags(names: &[&str]) -> Vec<Tag> {
    let tag = |name: &&str| Tag { name: ReleaseId::new(*name).unwrap(), points: Points::Commit(commit('a')) };
    names.iter().map(tag).collect()
}

fn pick(text: &str, prefix: &str, names: &[&str]) -> Result<String, Failure> {
    let tags = tags(names);
    choose(&Wanted::parse(text, prefix)?, prefix, &tags).map(|tag| tag.name.to_string())
}

const SOME: [&str; 11] =
    ["v1", "v1.4", "v0.9.0", "v1.2.0", "v1.10.0", "v1.4.0", "v1.4.3", "v2.0.0", "v3.0.0-rc.1", "stable", "app-v9.0.0"];

#[test]
fn what_was_asked_for_is_found() {
    for (text, tag) in [
        ("v1.2.0", "v1.2.0"),
        ("1.2.0", "v1.2.0"),
        (" v1.2.0\n", "v1.2.0"),
        ("latest", "v2.0.0"),
        ("1", "v1.10.0"),
        ("v1", "v1.10.0"),
        ("1.4", "v1.4.3"),
        ("v1.4", "v1.4.3"),
        ("^1.4", "v1.10.0"),
        ("^v1.4", "v1.10.0"),
        ("~1.2", "v1.2.0"),
        (">=1, <2", "v1.10.0"),
        (">= v0.1, < v1", "v0.9.0"),
        ("1.*", "v1.10.0"),
        ("*", "v2.0.0"),
        ("=1.4.0", "v1.4.0"),
        (">=3.0.0-rc.0", "v3.0.0-rc.1"),
        ("v3.0.0-rc.1", "v3.0.0-rc.1"),
        ("stable", "stable"),
    ] {
        assert_eq!(pick(text, "v", &SOME).unwrap(), tag, "{text:?}");
    }
}

#[test]
fn a_prefix_keeps_apps_apart() {
    let names = ["app-v1.0.0", "app-v1.1.0", "app-v1", "v5.0.0", "1.0.0", "application-v9.0.0"];
    assert_eq!(pick("latest", "app-v", &names).unwrap(), "app-v1.1.0");
    assert_eq!(pick("app-v1.0.0", "app-v", &names).unwrap(), "app-v1.0.0");
    assert_eq!(pick("v1.0.0", "app-v", &names).unwrap(), "app-v1.0.0");
    assert_eq!(pick("app-v1", "app-v", &names).unwrap(), "app-v1.1.0");
    assert_eq!(pick("latest", "", &names).unwrap(), "1.0.0");
    let other = pick("v5.0.0", "app-v", &names).unwrap_err();
    assert!(other.hints[0].contains("v5.0.0 exists"), "{other:?}");
}

#[test]
fn prereleases_only_when_asked() {
    let names = ["v1.0.0-rc.1", "v1.0.0-rc.2"];
    let refused = pick("latest", "v", &names).unwrap_err();
    assert!(refused.hints.iter().any(|hint| hint.contains("prerelease")), "{refused:?}");
    let none = pick("^2", "app-v", &["app-v1.0.0", "app-v3.0.0-rc.1"]).unwrap_err();
    assert!(!none.hints.iter().any(|hint| hint.contains("prerelease")), "{none:?}");
    assert!(pick("1", "v", &names).is_err());
    assert!(pick("^1", "v", &names).is_err());
    assert_eq!(pick("^1.0.0-rc", "v", &names).unwrap(), "v1.0.0-rc.2");
}

#[test]
fn build_metadata_does_not_count_in_the_order() {
    assert_eq!(pick("latest", "v", &["v1.0.0+z", "v1.0.1+a"]).unwrap(), "v1.0.1+a");
    assert_eq!(pick("v1.0.0+z", "v", &["v1.0.0+a", "v1.0.0+z"]).unwrap(), "v1.0.0+z");
    assert!(pick("v1.0.0", "v", &["v1.0.0+a"]).is_err());
}

#[test]
fn a_moving_tag_is_never_a_release() {
    let refused = pick("v1", "v", &["v1", "v2.0.0"]).unwrap_err();
    assert!(refused.hints[0].contains("it moves"), "{refused:?}");
    assert!(refused.hints[1].contains("v2.0.0"));
    assert!(pick("latest", "v", &["v1", "v1.2"]).is_err());
}

#[test]
fn a_wrong_version_names_the_nearest() {
    let names = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.2.1", "v2.0.0"];
    let hint = |text: &str| pick(text, "v", &names).unwrap_err().hints[0].clone();
    assert_eq!(hint("v1.2.2"), "The nearest tags: v1.2.1, v1.2.0, v1.1.0.");
    assert_eq!(hint("^3"), "The nearest tags: v2.0.0, v1.2.1, v1.2.0.");
    assert_eq!(hint("v1.0.O"), "The nearest tags: v1.0.0, v1.1.0, v1.2.0.");
    let none = pick("latest", "v", &[]).unwrap_err();
    assert!(none.what.contains("has no tag"), "{none:?}");
    assert_eq!(none.kind, Kind::Input);
    assert!(pick("1.2.0", "v", &["nightly"]).unwrap_err().hints[0].contains("nightly"));
}

#[test]
fn hostile_texts_are_no_version() {
    for text in ["", " ", "-v1", "--all", "v1;rm", "$(id)", "a b", "../x", "a//b", "a/-x", "a/", ">=1 <2", "^", "=x"] {
        assert!(Wanted::parse(text, "v").is_err(), "{text:?}");
    }
}

#[test]
fn a_name_with_a_slash_is_a_branch() {
    let branch = Wanted::parse("feature/login", "v").unwrap();
    assert_eq!(branch.branch(), Some("feature/login"));
    assert!(choose(&branch, "v", &tags(&SOME)).unwrap_err().what.contains("no branch feature/login"));
}

#[test]
fn previous_is_for_rollbacks() {
    assert_eq!(Wanted::parse("previous", "v").unwrap(), Wanted::Previous);
    let some = tags(&SOME);
    let failure = choose(&Wanted::Previous, "v", &some).unwrap_err();
    assert_eq!(failure.kind, Kind::Input);
    assert!(failure.hints[0].contains("rollback"), "{failure:?}");
}

#[test]
fn a_snapshot_is_a_safe_name_in_utc() {
    let at: Timestamp = "2025-05-25T21:34:56+09:00".parse().unwrap();
    for (branch, name) in [
        ("main", "main-20250525-123456"),
        ("feature/new login!", "feature-new-login-20250525-123456"),
        ("../../etc", "etc-20250525-123456"),
        ("日本", "branch-20250525-123456"),
        ("-rf", "rf-20250525-123456"),
    ] {
        assert_eq!(snapshot(branch, at).unwrap().as_str(), name);
    }
    assert_eq!(snapshot(&"x".repeat(300), at).unwrap().as_str().len(), 128);
}

fn event(name: &str, ref_type: Option<RefType>, ref_name: &str) -> RunEvent {
    RunEvent { name: name.into(), ref_type, ref_name: ref_name.into(), sha: Some(commit('b')), started_by: None }
}

#[test]
fn without_a_version_the_run_says_which() {
    let tag = |name| default_version(&event("push", Some(RefType::Tag), name), "v");
    assert_eq!(tag("v1.2.0").unwrap(), DefaultVersion::Tag(ReleaseId::new("v1.2.0").unwrap()));
    for moving in ["v1", "v1.2", "latest", "app-v1.0.0", "a/b"] {
        assert!(tag(moving).is_err(), "{moving}");
    }
    let branch = |name| default_version(&event(name, Some(RefType::Branch), "main"), "v").unwrap();
    assert_eq!(branch("push"), DefaultVersion::Snapshot { branch: "main".into(), commit: commit('b') });
    assert_eq!(branch("workflow_dispatch"), DefaultVersion::MustBeNamed);
    assert_eq!(branch("schedule"), DefaultVersion::MustBeNamed);
    let refused = no_version("v", &tags(&SOME));
    assert_eq!(refused.hints[0], "Name one, such as v2.0.0, v1.10.0, v1.4.3.");
}

#[test]
fn pull_requests_never_deploy() {
    for name in ["pull_request", "pull_request_target", "pull_request_review"] {
        assert!(default_version(&event(name, Some(RefType::Branch), "main"), "v").is_err(), "{name}");
    }
    let by = |started_by: Option<&str>| {
        let run = event("workflow_run", Some(RefType::Branch), "main");
        refuse_event(&RunEvent { started_by: started_by.map(Into::into), ..run })
    };
    assert!(by(Some("pull_request")).is_err());
    assert!(by(Some("pull_request_target")).is_err());
    assert!(by(None).is_err());
    assert!(by(Some("push")).is_ok());
    assert!(refuse_event(&event("release", Some(RefType::Tag), "v1.0.0")).is_ok());
}

proptest::proptest! {
    #[test]
    fn whatever_is_asked_only_a_tag_is_answered(text in ".{0,40}", prefix in "(v|app-v|)", picked in proptest::collection::vec(0..SOME.len(), 0..6)) {
        let tags = tags(&picked.iter().map(|index| SOME[*index]).collect::<Vec<_>>());
        if let Ok(tag) = Wanted::parse(&text, &prefix).and_then(|wanted| choose(&wanted, &prefix, &tags).cloned()) {
            proptest::prop_assert!(tags.contains(&tag));
        }
    }

    #[test]
    fn every_branch_has_a_snapshot(branch in ".{0,200}") {
        let at: Timestamp = "2025-05-25T12:34:56Z".parse().unwrap();
        proptest::prop_assert!(snapshot(&branch, at).unwrap().as_str().ends_with("-20250525-123456"));
    }
}

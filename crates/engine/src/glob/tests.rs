//! What globs match, where micromatch has no say or the reason matters.

mod document;
mod oracle;

use proptest::prelude::*;

use super::{Decision, Glob, GlobError, GlobList, MAX_DEPTH, MAX_PATTERN_BYTES};

fn glob(source: &str) -> Glob {
    Glob::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn decide(patterns: &[&str], name: &str) -> Decision {
    let list = GlobList::parse(patterns).expect("the patterns can be read");
    list.decide(name)
}

/// What it takes to match, checked against what it may take.
fn work(source: &str, name: &str) -> usize {
    let glob = glob(source);
    let (_, work) = glob.count_match(name);
    assert!(work <= glob.max_work(name.chars().count()), "{source}");
    work
}

#[test]
fn a_pattern_matches_its_own_text_and_displays_as_it() {
    for source in [
        "fix[1]", "!a", "./a", "a{b", "@(a|b)", "a\\*", "日本*", "!(a)",
    ] {
        assert!(glob(source).is_match(source), "{source}");
        assert_eq!(glob(source).to_string(), source);
        assert_eq!(glob(source).as_str(), source);
    }
}

#[test]
fn an_empty_name_never_matches() {
    for source in ["*", "**", "!a", "?(a)", "{,a}", "!(a)"] {
        assert!(!glob(source).is_match(""), "{source}");
    }
    assert_eq!(decide(&["!a"], ""), Decision::Excluded { by: 0 });
}

#[test]
fn names_on_several_lines_are_not_kept_by_a_negated_pattern() {
    assert!(!glob("!a").is_match("b\nc"));
    assert!(glob("b?c").is_match("b\nc"));
}

#[test]
fn a_list_says_which_of_its_patterns_decided() {
    use Decision::{Excluded, Included, Unmatched};
    let cases: [(&[&str], &str, Decision); 10] = [
        (&[], "a", Unmatched),
        (&["a"], "b", Unmatched),
        (&["*", "a"], "a", Included { by: Some(1) }),
        (&["*", "!a"], "a", Excluded { by: 1 }),
        (&["*", "!a"], "b", Included { by: Some(0) }),
        (&["!a", "*"], "a", Included { by: Some(1) }),
        (&["*", "!dev*", "!d*", "dev"], "dev-1", Excluded { by: 2 }),
        (
            &["*", "!dev*", "!d*", "dev"],
            "dev",
            Included { by: Some(3) },
        ),
        (&["!dev*"], "main", Included { by: None }),
        (&["main", "!dev*"], "dev", Excluded { by: 1 }),
    ];
    for (patterns, name, decision) in cases {
        assert_eq!(decide(patterns, name), decision, "{patterns:?} and {name}");
        let list = GlobList::parse(patterns).expect("the patterns can be read");
        assert_eq!(list.is_match(name), decision.is_included());
        assert_eq!(list.globs().len(), patterns.len());
    }
}

#[test]
fn rules_of_triggers_match_as_they_are_documented() {
    // A prefix `feature` becomes these two.
    let prefix = ["feature*", "feature/**"];
    for name in ["feature", "feature-x", "feature/a", "feature/a/b"] {
        assert!(decide(&prefix, name).is_included(), "{name}");
    }
    assert_eq!(decide(&prefix, "featurex/y"), Decision::Unmatched);
}

#[test]
fn what_is_too_big_is_refused() {
    let long = "a".repeat(MAX_PATTERN_BYTES);
    assert!(glob(&long).is_match(&long));
    let longer = format!("{long}a");
    let deep = |depth| format!("{}a{}", "@(".repeat(depth), ")".repeat(depth));
    assert!(glob(&deep(MAX_DEPTH)).is_match("a"));
    let braces = "{a,".repeat(MAX_DEPTH + 1);
    let cases = [
        (longer.as_str(), GlobError::TooLong(MAX_PATTERN_BYTES + 1)),
        (&deep(MAX_DEPTH + 1), GlobError::TooDeep),
        (&braces, GlobError::TooDeep),
        ("{1..1001}", GlobError::TooManyNumbers("1..1001".to_owned())),
        ("{1..999}{1..999}", GlobError::TooBig),
        ("./", GlobError::Empty),
    ];
    for (source, error) in cases {
        assert_eq!(Glob::parse(source).err(), Some(error), "{source}");
    }
    assert!(glob("{-5..994}").is_match("-5"));
    assert!(glob("{999999999999999..999999999999998}").is_match("999999999999998"));
}

#[test]
fn a_long_name_takes_time_in_proportion_to_its_length() {
    let sources = [
        "*a*a*a*a*a*a*b",
        "**/a/**/a/**/a/**/b",
        "+(+(a|aa)|*(a|?(a)))b",
        "!(*a*a*a!(*a*a!(*a)))b",
        "*(*(*(*(*(*(a))))))b",
        "!(!(!(!(!(a)))))",
        "*([a-z]|?|a)*([a-z]|?|a)/",
    ];
    for source in sources {
        let short = work(source, &"a".repeat(512));
        let long = work(source, &"a".repeat(1024));
        assert!(long <= 2 * short + 100, "{source}: {short}, {long}");
    }
}

/// Parts of patterns, so that what is made of them is hardly ever text alone.
fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "/",
        ".",
        "*",
        "**",
        "?",
        "[",
        "]",
        "[a-b]",
        "[!a]",
        "{",
        "}",
        ",",
        "..",
        "1",
        "(",
        ")",
        "|",
        "!(",
        "@(",
        "+(",
        "*(",
        "?(",
        "!",
        "+",
        "\\",
        "\"",
        "[[:alpha:]]",
        "é",
        "\u{1f389}",
        "^",
        "-",
    ]);
    prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_pattern_is_refused_or_matches_itself_within_its_bounds(source in pattern(), name in "[ab./1é\\-]{0,12}") {
        if let Ok(glob) = Glob::parse(&source) {
            prop_assert!(glob.is_match(&source));
            let (_, work) = glob.count_match(&name);
            prop_assert!(work <= glob.max_work(name.chars().count()));
        }
    }

    #[test]
    fn a_negated_pattern_matches_what_it_does_not_match_otherwise(rest in pattern(), name in "a/[ab./1é\\-]{0,12}") {
        let source = format!("a/{rest}");
        prop_assume!(name != source);
        if let (Ok(glob), Ok(negated)) = (Glob::parse(&source), Glob::parse(&format!("!{source}"))) {
            prop_assert_ne!(glob.is_match(&name), negated.is_match(&name));
        }
    }
}

//! What the npm package `micromatch` makes of the same patterns, as `cargo xtask oracle` has recorded it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Glob, GlobList};

const RECORD: &str = include_str!("../../../tests/data/glob.json");
const DIFFERENCES: &str = include_str!("../../../tests/data/glob-differences.json");
const DOCUMENT: &str = include_str!("../../../../../docs/globs.md");

#[derive(Deserialize)]
struct Record {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Case {
    Pair {
        pattern: String,
        name: String,
        matches: bool,
    },
    List {
        patterns: Vec<String>,
        name: String,
        matches: bool,
    },
}

/// A way in which we differ, why, and every pattern of the record where it shows: with the names and what is here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    name: String,
    why: String,
    cases: BTreeMap<String, BTreeMap<String, String>>,
}

fn record() -> Vec<Case> {
    let record: Record = serde_json::from_str(RECORD).expect("the record can be read");
    record.cases
}

fn differences() -> Vec<Difference> {
    serde_json::from_str(DIFFERENCES).expect("the list of differences can be read")
}

/// Whether the pattern matches here, in the words of the list; `refused` where it is none.
fn ours(pattern: &str, name: &str) -> &'static str {
    match Glob::parse(pattern) {
        Ok(glob) => in_words(glob.is_match(name)),
        Err(_) => "refused",
    }
}

fn in_words(is_match: bool) -> &'static str {
    match is_match {
        true => "matches",
        false => "does not match",
    }
}

#[test]
fn patterns_match_what_micromatch_matches() {
    let differences = differences();
    let mut listed: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for difference in &differences {
        for (pattern, names) in &difference.cases {
            for (name, ours) in names {
                let earlier = listed.insert((pattern, name), ours);
                assert!(
                    earlier.is_none(),
                    "{pattern:?} and {name:?} are listed twice"
                );
            }
        }
    }
    let n_listed = listed.len();
    let record = record();
    let mut wrong = Vec::new();
    let mut n_pairs = 0;
    for case in &record {
        let Case::Pair {
            pattern,
            name,
            matches,
        } = case
        else {
            continue;
        };
        n_pairs += 1;
        let theirs = in_words(*matches);
        let ours = ours(pattern, name);
        match listed.remove(&(pattern.as_str(), name.as_str())) {
            None if ours == theirs => (),
            Some(expected) if ours == expected && ours != theirs => (),
            expected => wrong.push(format!(
                "{pattern:?} and {name:?}: {ours}, the record has {theirs}, the list {expected:?}"
            )),
        }
    }
    let gone: Vec<_> = listed.into_keys().collect();
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
    assert!(gone.is_empty(), "listed but not recorded: {gone:#?}");
    assert!(n_pairs >= 2500, "{n_pairs}");
    assert!(n_listed * 100 < n_pairs, "{n_listed} of {n_pairs} differ");
}

#[test]
fn lists_match_what_micromatch_matches() {
    let mut wrong = Vec::new();
    let mut n_lists = 0;
    for case in &record() {
        let Case::List {
            patterns,
            name,
            matches,
        } = case
        else {
            continue;
        };
        n_lists += 1;
        let list = GlobList::parse(patterns).expect("the recorded lists can be read");
        if list.is_match(name) != *matches {
            wrong.push(format!(
                "{patterns:?} and {name:?}: the record has {matches}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
    assert!(n_lists >= 300, "{n_lists}");
}

#[test]
fn each_listed_difference_stands_in_the_document_and_the_other_way_round() {
    let differences = differences();
    for difference in &differences {
        assert!(!difference.cases.is_empty(), "{}", difference.name);
        // One item of a list each, on one line: the name, then why.
        let item = format!("- **{}**: {}", difference.name, difference.why);
        assert!(
            DOCUMENT.lines().any(|line| line == item),
            "docs/globs.md lacks the line\n{item}"
        );
    }
    let n_documented = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("- **"))
        .count();
    assert_eq!(
        n_documented,
        differences.len(),
        "docs/globs.md has items of differences that are not listed"
    );
}

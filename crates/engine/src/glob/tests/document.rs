//! The examples of docs/globs.md.

use super::super::{Glob, GlobList};

const DOCUMENT: &str = include_str!("../../../../../docs/globs.md");

/// The lines of the blocks of the document that begin with this word, each split at its arrow.
fn examples(language: &str) -> Vec<(&'static str, &'static str)> {
    let opening = format!("```{language}\n");
    let blocks = DOCUMENT
        .split("\n```\n")
        .filter_map(|part| Some(part.split_once(&opening)?.1));
    blocks
        .flat_map(str::lines)
        .map(|line| line.split_once(" => ").expect(line))
        .collect()
}

/// The names that match, and those that do not, of an example: `a, b | c`.
fn check(source: &str, expected: &str, is_match: impl Fn(&str) -> bool) {
    let (matching, others) = expected.split_once('|').expect(expected);
    for (names, expected) in [(matching, true), (others, false)] {
        let names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        for name in names {
            assert_eq!(is_match(name), expected, "{source} and {name}");
        }
    }
}

#[test]
fn examples_of_the_document_are_true() {
    let patterns = examples("glob");
    for (source, expected) in &patterns {
        let glob = Glob::parse(source).expect(source);
        check(source, expected, |name| glob.is_match(name));
    }
    let lists = examples("globs");
    for (sources, expected) in &lists {
        let sources: Vec<&str> = sources.split(' ').collect();
        let list = GlobList::parse(&sources).expect("the patterns can be read");
        check(&sources.join(" "), expected, |name| list.is_match(name));
    }
    let refused = examples("refused");
    for (source, expected) in &refused {
        let error = Glob::parse(source).expect_err(source);
        assert_eq!(error.to_string(), *expected, "{source}");
    }
    assert!(patterns.len() >= 20, "{}", patterns.len());
    assert!(lists.len() >= 4, "{}", lists.len());
    assert!(refused.len() >= 7, "{}", refused.len());
}

//! What globs match.

mod oracle;

use super::Glob;

#[test]
fn stars_stay_in_their_segment() {
    let glob = Glob::parse("a/*").expect("it is a pattern");
    assert!(glob.is_match("a/b"));
    assert!(!glob.is_match("a/b/c"));
}

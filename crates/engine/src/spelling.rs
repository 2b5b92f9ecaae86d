//! Finds what somebody meant who misspelled a name.

/// The candidate that is near enough to `word` to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Nobody misspells a name into something this long, and the distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    let folded = fold(word);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let allowed = match candidate.len() {
                0..=2 => 0,
                3..=5 => 1,
                _ => 2,
            };
            let candidate_folded = fold(candidate);
            // Each character too few or too many is a slip by itself.
            if folded.len().abs_diff(candidate_folded.len()) > allowed {
                return None;
            }
            let distance = distance(&folded, &candidate_folded);
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean `x`?)`, or nothing.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, candidates) {
        Some(candidate) => format!(" (did you mean `{candidate}`?)"),
        None => String::new(),
    }
}

/// Letters in lower case, without the separators that people mix up: `workingDirectory` is `working-directory`.
fn fold(word: &str) -> Vec<char> {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one to the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut best = (above[j] + usize::from(a != b))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["run", "name", "env", "working-directory", "if", "id"];
        for (word, meant) in [
            ("nmae", Some("name")),
            ("Name", Some("name")),
            ("names", Some("name")),
            ("workingDirectory", Some("working-directory")),
            ("working_directroy", Some("working-directory")),
            ("iff", None),
            ("ID", Some("id")),
            ("shell", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }
}

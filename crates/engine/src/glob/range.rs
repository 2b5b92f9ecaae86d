//! Ranges in braces: `{1..3}`, `{01..10}`, `{a..f}`, `{0..10..5}`.

use super::{
    GlobError, MAX_COUNT,
    tree::{Class, Node, Sequence},
};

/// More digits than any name counts to, and few enough to count with.
const MAX_DIGITS: usize = 15;

/// The range that this text between braces stands for, if it is one.
pub(super) fn read(text: &str) -> Result<Option<Node>, GlobError> {
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => match number(step) {
            Some(step) => (first, last, step.unsigned_abs().max(1)),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if let (Some(a), Some(b)) = (number(first), number(last)) {
        let width = match is_padded(first) || is_padded(last) {
            true => first.len().max(last.len()),
            false => 0,
        };
        let numbers = count(a, b, step, text)?;
        let alternatives = numbers.into_iter().map(|number| digits(number, width));
        return Ok(Some(Node::Group(alternatives.collect())));
    }
    let (Some(a), Some(b)) = (single(first), single(last)) else {
        return Ok(None);
    };
    if step == 1 {
        return Ok(Some(Node::Class(Class {
            is_negated: false,
            ranges: vec![(a.min(b), a.max(b))],
        })));
    }
    let codes = count(i64::from(u32::from(a)), i64::from(u32::from(b)), step, text)?;
    let alternatives = codes
        .into_iter()
        .filter_map(|code| Some(vec![Node::Char(char::from_u32(u32::try_from(code).ok()?)?)]));
    Ok(Some(Node::Group(alternatives.collect())))
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = (1..=MAX_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn is_padded(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0')
}

/// A character, if there is just this one and it means nothing in a pattern.
fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let c = chars.next()?;
    (chars.next().is_none() && !"\\/*?[]()|!+@\"".contains(c)).then_some(c)
}

/// From one number to the other in steps, in either direction.
fn count(a: i64, b: i64, step: u64, text: &str) -> Result<Vec<i64>, GlobError> {
    let n_steps = a.abs_diff(b) / step;
    if n_steps >= MAX_COUNT as u64 {
        return Err(GlobError::TooManyNumbers(text.to_owned()));
    }
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let direction = if a <= b { step } else { -step };
    // The last one lies between both, so nothing can overflow.
    Ok((0..=n_steps as i64).map(|n| a + n * direction).collect())
}

fn digits(number: i64, width: usize) -> Sequence {
    let text = format!("{number:0width$}");
    text.chars().map(Node::Char).collect()
}

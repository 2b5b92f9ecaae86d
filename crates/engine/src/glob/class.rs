//! Classes: `[a-z]`, `[!0-9]`, `[[:alpha:]_]`.

use super::{
    GlobError,
    tree::{Class, Node},
};

/// The named classes, which know ASCII alone.
const NAMED: [(&str, &[(char, char)]); 14] = [
    ("alnum", &[('a', 'z'), ('A', 'Z'), ('0', '9')]),
    ("alpha", &[('a', 'z'), ('A', 'Z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[(' ', ' '), ('\t', '\t')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[(' ', ' '), ('\t', '\r')]),
    ("upper", &[('A', 'Z')]),
    ("word", &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')]),
    ("xdigit", &[('A', 'F'), ('a', 'f'), ('0', '9')]),
];

/// What makes a class one that cannot be meant as the text that it is.
const SPECIAL: &str = "-*+?.^${}(|)[]";

/// One member of a class as it is written.
enum Member {
    Char(char),
    Named(&'static [(char, char)]),
}

/// Reads the class that begins at an opening bracket, and tells where it ends; nothing where no bracket closes it.
///
/// A class of plain characters also stands for its own text, so that `fix[1]*` is found in `fix[1]-a`.
pub(super) fn read(chars: &[char], open: usize) -> Result<Option<(Node, usize)>, GlobError> {
    let mut index = open + 1;
    let mut class = Class {
        is_negated: matches!(chars.get(index), Some('^' | '!')),
        ranges: Vec::new(),
    };
    if class.is_negated {
        index += 1;
    }
    let first = index;
    let mut text = vec!['['];
    let mut is_plain = !class.is_negated;
    loop {
        match chars.get(index) {
            None => return Ok(None),
            Some(']') if index > first => break,
            Some(_) => (),
        }
        let Some((member, end)) = member(chars, index) else {
            return Ok(None);
        };
        index = end;
        match member {
            Member::Named(ranges) => {
                is_plain = false;
                class.ranges.extend(ranges);
            }
            Member::Char(c) => {
                is_plain &= !SPECIAL.contains(c);
                text.push(c);
                match range_end(chars, index) {
                    None => class.ranges.push((c, c)),
                    Some((last, _)) if last < c => {
                        return Err(GlobError::Backwards { first: c, last });
                    }
                    Some((last, end)) => {
                        is_plain = false;
                        class.ranges.push((c, last));
                        index = end;
                    }
                }
            }
        }
    }
    if class.is_negated {
        class.ranges.push(('/', '/'));
    }
    text.push(']');
    let end = index + 1;
    if is_plain {
        let text = text.into_iter().map(Node::Char).collect();
        let either = Node::Group(vec![text, vec![Node::Class(class)]]);
        return Ok(Some((either, end)));
    }
    Ok(Some((Node::Class(class), end)))
}

/// The member at a place, and where it ends.
fn member(chars: &[char], index: usize) -> Option<(Member, usize)> {
    match chars[index..] {
        ['\\', c, ..] => Some((Member::Char(c), index + 2)),
        ['\\'] => None,
        ['[', ':', ..] => Some(named(chars, index).unwrap_or((Member::Char('['), index + 1))),
        [c, ..] => Some((Member::Char(c), index + 1)),
        [] => None,
    }
}

fn named(chars: &[char], index: usize) -> Option<(Member, usize)> {
    let rest = &chars[index + 2..];
    let length = rest.windows(2).position(|pair| pair == [':', ']'])?;
    let name: String = rest[..length].iter().collect();
    let (_, ranges) = NAMED.iter().find(|(known, _)| *known == name)?;
    Some((Member::Named(ranges), index + 2 + length + 2))
}

/// The end of a range whose first character is before this place. A hyphen at the end of the class is one.
fn range_end(chars: &[char], index: usize) -> Option<(char, usize)> {
    if chars.get(index) != Some(&'-') || chars.get(index + 1)? == &']' {
        return None;
    }
    match member(chars, index + 1)? {
        (Member::Char(last), end) => Some((last, end)),
        (Member::Named(_), _) => None,
    }
}

//! What tells the two languages apart that are read by one lexer and one parser.

use super::tree::Binary;

/// A language of expressions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    /// JavaScript's, in pipelines.
    Pipeline,
    /// JEXL, in the filters of triggers.
    Jexl,
}

/// How strongly the unary operators bind; above every binary operator, below `.`, `[]` and calls.
pub(super) const UNARY_POWER: u8 = 10;

/// Longest first, so that the first one that fits is the right one.
const PIPELINE_MARKS: [&str; 61] = [
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=",
    "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "<<", ">>", "**", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", ".", ",", "(", ")", "[",
    "]", "=", "&", "|", "^", "~", "{", "}", ";", "`", "@", "#", "\\",
];
const JEXL_MARKS: [&str; 40] = [
    "===", "!==", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "//", "**", "+", "-", "*", "/",
    "%", "^", "<", ">", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "|", "=", "&", "~",
    ";", "`", "@", "#", "\\",
];

impl Dialect {
    /// Operators, brackets and separators; those that the language does not have as well, so that the parser can say
    /// what is wrong with them.
    pub(super) fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Pipeline => &PIPELINE_MARKS,
            Self::Jexl => &JEXL_MARKS,
        }
    }

    /// Whether a name can begin with it.
    pub(super) fn is_name_start(self, c: char) -> bool {
        let is_letter = match self {
            Self::Pipeline => c.is_alphabetic(),
            Self::Jexl => {
                c.is_ascii_alphabetic()
                    || matches!(c, 'а'..='я' | 'А'..='Я' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ')
            }
        };
        is_letter || c == '_' || c == '$'
    }

    /// Whether a name can go on with it.
    pub(super) fn is_name_part(self, c: char) -> bool {
        let is_digit = match self {
            Self::Pipeline => c.is_numeric(),
            Self::Jexl => c.is_ascii_digit(),
        };
        self.is_name_start(c) || is_digit
    }

    /// The operator, and how strongly it binds.
    pub(super) fn binary(self, mark: &str) -> Option<(Binary, u8)> {
        match self {
            Self::Pipeline => pipeline_binary(mark),
            Self::Jexl => jexl_binary(mark),
        }
    }
}

fn pipeline_binary(mark: &str) -> Option<(Binary, u8)> {
    Some(match mark {
        "??" => (Binary::Coalesce, 1),
        "||" => (Binary::Or, 2),
        "&&" => (Binary::And, 3),
        "==" => (Binary::Equal, 4),
        "!=" => (Binary::NotEqual, 4),
        "===" => (Binary::Same, 4),
        "!==" => (Binary::NotSame, 4),
        "<" => (Binary::Less, 5),
        "<=" => (Binary::LessOrEqual, 5),
        ">" => (Binary::Greater, 5),
        ">=" => (Binary::GreaterOrEqual, 5),
        "+" => (Binary::Add, 6),
        "-" => (Binary::Subtract, 6),
        "*" => (Binary::Multiply, 7),
        "/" => (Binary::Divide, 7),
        "%" => (Binary::Remainder, 7),
        _ => return None,
    })
}

fn jexl_binary(mark: &str) -> Option<(Binary, u8)> {
    Some(match mark {
        // These two share a level: `true || false && false` is false.
        "||" => (Binary::Or, 1),
        "&&" => (Binary::And, 1),
        "==" => (Binary::Equal, 2),
        "!=" => (Binary::NotEqual, 2),
        "<" => (Binary::Less, 2),
        "<=" => (Binary::LessOrEqual, 2),
        ">" => (Binary::Greater, 2),
        ">=" => (Binary::GreaterOrEqual, 2),
        "in" => (Binary::In, 2),
        "+" => (Binary::Add, 3),
        "-" => (Binary::Subtract, 3),
        "*" => (Binary::Multiply, 4),
        "/" => (Binary::Divide, 4),
        "//" => (Binary::Floor, 4),
        "%" => (Binary::Remainder, 5),
        "^" => (Binary::Power, 5),
        _ => return None,
    })
}

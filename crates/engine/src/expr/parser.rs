//! Reads an expression into a tree: a Pratt parser.
//!
//! Operators that associate to the left are read in a loop, so a long sum costs no stack; what does nest is counted
//! and refused beyond a limit.

use std::ops::Range;

use super::{
    Fault, MAX_DEPTH,
    function::Function,
    token::{Lexer, Token},
    tree::{Binary, Kind, NodeId, Tree, Unary},
};

/// How strongly the unary operators bind; above every binary operator, below `.`, `[]` and calls.
const UNARY_POWER: u8 = 10;

/// Words that JavaScript keeps for itself. None of them can be a variable.
const RESERVED: [&str; 36] = [
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "export",
    "extends",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "new",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "try",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "enum",
];

/// Reads one expression.
#[derive(Debug)]
pub(super) struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token,
    span: Range<usize>,
    tree: Tree,
    depth: usize,
}

/// An expression, and the byte of the text after it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    pub(super) root: NodeId,
    pub(super) end: usize,
}

/// Reads the expression at the byte `start` of `text`: up to the end, or in a template up to its `}}`.
pub(super) fn parse(text: &str, start: usize, is_template: bool) -> Result<Parsed, Fault> {
    let mut lexer = Lexer::new(text, start, is_template);
    let (token, span) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        span,
        tree: Tree::default(),
        depth: 0,
    };
    if parser.token == Token::End {
        return Err(Fault::new("the expression is empty", parser.span));
    }
    let root = parser.expression(0)?;
    match parser.token {
        Token::End => Ok(Parsed {
            tree: parser.tree,
            root,
            end: parser.span.end,
        }),
        _ => Err(parser.unexpected("an operator or the end of the expression")),
    }
}

impl Parser<'_> {
    /// Reads operands and the operators between them that bind more strongly than `min_power`.
    fn expression(&mut self, min_power: u8) -> Result<NodeId, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new(
                format!("the expression is nested more than {MAX_DEPTH} deep"),
                self.span.clone(),
            ));
        }
        self.depth += 1;
        let mut left = self.operand()?;
        while let Token::Mark(mark) = self.token {
            match mark {
                "." | "?." => left = self.member(left, mark)?,
                "[" => left = self.index(left)?,
                "(" => left = self.call(left)?,
                "?" if min_power == 0 => left = self.choice(left)?,
                _ => match binary(mark) {
                    Some((operator, power)) if power > min_power => {
                        left = self.binary(left, operator, power)?;
                    }
                    _ => break,
                },
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<NodeId, Fault> {
        let unary = match &self.token {
            Token::Mark("!") => Some(Unary::Not),
            Token::Mark("-") => Some(Unary::Negate),
            Token::Name(name) if name == "typeof" => Some(Unary::Typeof),
            _ => None,
        };
        if let Some(operator) = unary {
            let start = self.advance()?.1.start;
            let operand = self.expression(UNARY_POWER)?;
            let span = start..self.tree.node(operand).span.end;
            return Ok(self.tree.add(Kind::Unary { operator, operand }, span));
        }
        if self.token == Token::Mark("(") {
            self.advance()?;
            let inner = self.expression(0)?;
            self.expect(")")?;
            self.tree.group(inner);
            return Ok(inner);
        }
        let kind = match &self.token {
            Token::Number(number) => Kind::Number(*number),
            Token::Text(text) => Kind::Text(text.clone()),
            Token::Name(name) => match name.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                "undefined" => Kind::Undefined,
                name if RESERVED.contains(&name) => return Err(self.unexpected("a value")),
                name => Kind::Name(name.to_owned()),
            },
            Token::Mark(_) | Token::End => return Err(self.unexpected("a value")),
        };
        let (_, span) = self.advance()?;
        Ok(self.tree.add(kind, span))
    }

    fn member(&mut self, object: NodeId, mark: &str) -> Result<NodeId, Fault> {
        self.advance()?;
        // `?.` differs from `.` only for null and undefined, and there `.` gives undefined as well.
        match &self.token {
            Token::Name(name) => {
                let name = name.clone();
                let (_, span) = self.advance()?;
                let span = self.tree.node(object).span.start..span.end;
                Ok(self.tree.add(Kind::Member { object, name }, span))
            }
            Token::Mark("[") if mark == "?." => self.index(object),
            _ => Err(self.unexpected("the name of a property")),
        }
    }

    fn index(&mut self, object: NodeId) -> Result<NodeId, Fault> {
        self.advance()?;
        let index = self.expression(0)?;
        let end = self.expect("]")?.end;
        let span = self.tree.node(object).span.start..end;
        Ok(self.tree.add(Kind::Index { object, index }, span))
    }

    fn call(&mut self, callee: NodeId) -> Result<NodeId, Fault> {
        let node = self.tree.node(callee);
        let span = node.span.clone();
        let function = match &node.kind {
            Kind::Name(name) => Function::find(name).ok_or_else(|| {
                Fault::new(format!("unknown function `{name}`"), span.clone())
                    .suggest(Function::nearest(name))
            })?,
            Kind::Member { name, .. } => return Err(Fault::new(method_hint(name), span)),
            _ => return Err(Fault::new("only a function can be called", span)),
        };
        self.advance()?;
        let mut arguments = Vec::new();
        while self.token != Token::Mark(")") {
            arguments.push(self.expression(0)?);
            match self.token {
                Token::Mark(",") => self.advance()?,
                Token::Mark(")") => break,
                _ => return Err(self.unexpected("`,` or `)`")),
            };
        }
        let span = span.start..self.expect(")")?.end;
        function
            .check_arguments(arguments.len())
            .map_err(|message| Fault::new(message, span.clone()))?;
        Ok(self.tree.add(
            Kind::Call {
                function,
                arguments,
            },
            span,
        ))
    }

    fn choice(&mut self, condition: NodeId) -> Result<NodeId, Fault> {
        self.advance()?;
        let then = self.expression(0)?;
        self.expect(":")?;
        let otherwise = self.expression(0)?;
        let span = self.tree.node(condition).span.start..self.tree.node(otherwise).span.end;
        let kind = Kind::Choice {
            condition,
            then,
            otherwise,
        };
        Ok(self.tree.add(kind, span))
    }

    fn binary(&mut self, left: NodeId, operator: Binary, power: u8) -> Result<NodeId, Fault> {
        let (_, sign) = self.advance()?;
        let right = self.expression(power)?;
        // JavaScript refuses this, too: nobody can say from memory which of them binds more strongly.
        let is_other = |id: NodeId| {
            let node = self.tree.node(id);
            let Kind::Binary {
                operator: inner, ..
            } = &node.kind
            else {
                return false;
            };
            let is_logic = |operator| matches!(operator, Binary::And | Binary::Or);
            !node.is_grouped
                && (operator == Binary::Coalesce && is_logic(*inner)
                    || is_logic(operator) && *inner == Binary::Coalesce)
        };
        if is_other(left) || is_other(right) {
            return Err(Fault::new(
                "`??` beside `&&` or `||` needs parentheses",
                sign,
            ));
        }
        let span = self.tree.node(left).span.start..self.tree.node(right).span.end;
        let kind = Kind::Binary {
            operator,
            left,
            right,
        };
        Ok(self.tree.add(kind, span))
    }

    /// Takes the current token and reads the next one.
    fn advance(&mut self) -> Result<(Token, Range<usize>), Fault> {
        let (token, span) = self.lexer.next()?;
        Ok((
            std::mem::replace(&mut self.token, token),
            std::mem::replace(&mut self.span, span),
        ))
    }

    fn expect(&mut self, mark: &'static str) -> Result<Range<usize>, Fault> {
        if self.token != Token::Mark(mark) {
            return Err(self.unexpected(&format!("`{mark}`")));
        }
        Ok(self.advance()?.1)
    }

    /// Says what is wrong with the current token, where `expected` should be.
    fn unexpected(&self, expected: &str) -> Fault {
        let suggestion = match &self.token {
            Token::Name(name) if name == "and" => Some("&&"),
            Token::Name(name) if name == "or" => Some("||"),
            _ => None,
        };
        let message = match &self.token {
            Token::End => format!("the expression ends where {expected} is expected"),
            Token::Mark("=") => "assignments are not supported (`==` compares)".to_owned(),
            Token::Mark("++" | "--") => "assignments are not supported".to_owned(),
            Token::Mark("=>") => "functions cannot be defined".to_owned(),
            Token::Mark(";") => "statements are not supported, only one expression".to_owned(),
            Token::Mark("`") => {
                "template literals are not supported (use `+` or `format()`)".to_owned()
            }
            Token::Mark("{") => "object literals and statements are not supported".to_owned(),
            Token::Mark("[") => {
                "array literals are not supported (use `fromJSON('[..]')`)".to_owned()
            }
            Token::Mark("...") => "spreading is not supported".to_owned(),
            Token::Mark(mark)
                if mark.len() > 1 && mark.ends_with('=') && binary(mark).is_none() =>
            {
                "assignments are not supported".to_owned()
            }
            Token::Mark(mark @ ("**" | "&" | "|" | "^" | "~" | "<<" | ">>" | ">>>")) => {
                format!("the operator `{mark}` is not supported")
            }
            Token::Mark("+") => "the operator `+` needs a value on its left".to_owned(),
            Token::Mark(mark) => format!("expected {expected}, found `{mark}`"),
            Token::Name(name) => match name.as_str() {
                "and" | "or" => format!("expected an operator, found `{name}`"),
                "in" => "the operator `in` is not supported (use `contains()`)".to_owned(),
                word if RESERVED.contains(&word) => format!("`{word}` is not supported"),
                word => format!("expected {expected}, found `{word}`"),
            },
            Token::Number(_) => format!("expected {expected}, found a number"),
            Token::Text(_) => format!("expected {expected}, found a string"),
        };
        Fault::new(message, self.span.clone()).suggest(suggestion)
    }
}

/// The operator, and how strongly it binds.
fn binary(mark: &str) -> Option<(Binary, u8)> {
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

/// Methods are not called, but most of what people want from them is there.
fn method_hint(method: &str) -> String {
    let instead = match method {
        "includes" | "indexOf" => "use `contains(text, part)`",
        "startsWith" => "use `startsWith(text, part)`",
        "endsWith" => "use `endsWith(text, part)`",
        "join" => "use `join(list, ',')`",
        "concat" => "use `+`",
        "toString" => "use `'' + value`",
        "stringify" => "use `toJSON(value)`",
        "parse" => "use `fromJSON(text)`",
        _ => return format!("methods are not supported: `{method}`"),
    };
    format!("methods are not supported: `{method}` ({instead})")
}

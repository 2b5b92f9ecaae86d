//! Reads an expression into a tree: a Pratt parser.
//!
//! Operators that associate to the left are read in a loop, so a long sum costs no stack; what does nest is counted
//! and refused beyond a limit.

use std::ops::Range;

use super::{
    Fault, MAX_DEPTH, complaint,
    dialect::{Dialect, UNARY_POWER},
    function::Function,
    token::{Lexer, Token},
    tree::{Binary, Kind, NodeId, Tree, Unary},
};

mod jexl;

/// Reads one expression.
#[derive(Debug)]
pub(super) struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token,
    span: Range<usize>,
    tree: Tree,
    depth: usize,
    dialect: Dialect,
    /// Whether what is being read looks at the item of a filter.
    is_relative: bool,
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
    read(
        Lexer::new(text, start, is_template, Dialect::Pipeline),
        Dialect::Pipeline,
    )
}

/// Reads a JEXL expression.
pub(super) fn parse_jexl(text: &str) -> Result<Parsed, Fault> {
    read(Lexer::new(text, 0, false, Dialect::Jexl), Dialect::Jexl)
}

fn read(mut lexer: Lexer<'_>, dialect: Dialect) -> Result<Parsed, Fault> {
    let (token, span) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        span,
        tree: Tree::default(),
        depth: 0,
        dialect,
        is_relative: false,
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
                "." | "[" | "(" | "|" if self.dialect == Dialect::Jexl => {
                    left = self.jexl_suffix(left, mark)?;
                }
                "." | "?." => left = self.member(left, mark)?,
                "[" => left = self.index(left)?,
                "(" => left = self.call(left)?,
                "?" if min_power == 0 => left = self.choice(left)?,
                _ => match self.dialect.binary(mark) {
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

    /// Reads an expression between brackets or other marks of its own.
    fn inner(&mut self) -> Result<NodeId, Fault> {
        // It does not make the one around it look at a filter's item.
        let is_relative = self.is_relative;
        let inner = self.expression(0);
        self.is_relative = is_relative;
        inner
    }

    fn operand(&mut self) -> Result<NodeId, Fault> {
        if let Some(operand) = self.jexl_operand()? {
            return Ok(operand);
        }
        let unary = match (&self.token, self.dialect) {
            (Token::Mark("!"), _) => Some(Unary::Not),
            (Token::Mark("-"), Dialect::Pipeline) => Some(Unary::Negate),
            (Token::Name(name), Dialect::Pipeline) if name == "typeof" => Some(Unary::Typeof),
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
            let inner = self.inner()?;
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
                name if self.dialect == Dialect::Jexl => Kind::Name(name.to_owned()),
                "null" => Kind::Null,
                "undefined" => Kind::Undefined,
                name if complaint::is_reserved(name) => return Err(self.unexpected("a value")),
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
        let index = self.inner()?;
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
            Kind::Member { name, .. } => return Err(Fault::new(complaint::method(name), span)),
            _ => return Err(Fault::new("only a function can be called", span)),
        };
        self.advance()?;
        let mut arguments = Vec::new();
        while self.token != Token::Mark(")") {
            arguments.push(self.inner()?);
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
        // In its place, so that the name is not taken for a variable's.
        let kind = Kind::Call {
            function,
            arguments,
        };
        self.tree.replace(callee, kind, span);
        Ok(callee)
    }

    fn choice(&mut self, condition: NodeId) -> Result<NodeId, Fault> {
        self.advance()?;
        if self.dialect == Dialect::Jexl && self.token == Token::Mark(":") {
            return self.elvis(condition);
        }
        let then = self.inner()?;
        self.expect(":")?;
        let otherwise = self.inner()?;
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
        // JavaScript refuses this, too (JEXL has no such operator): nobody can say from memory which of them binds more strongly.
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
        let message = complaint::unexpected(&self.token, expected, self.dialect);
        Fault::new(message, self.span.clone()).suggest(complaint::meant(&self.token))
    }
}

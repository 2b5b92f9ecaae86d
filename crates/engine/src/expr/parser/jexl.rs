//! What only JEXL has: literals of lists and objects, filters, and `?:`.

use super::{Binary, Dialect, Fault, Kind, NodeId, Parser, Token};

impl Parser<'_> {
    /// Reads an operand that only JEXL has; nothing where there is none.
    pub(super) fn jexl_operand(&mut self) -> Result<Option<NodeId>, Fault> {
        if self.dialect != Dialect::Jexl {
            return Ok(None);
        }
        match self.token {
            Token::Mark("[") => self.list().map(Some),
            Token::Mark("{") => self.map().map(Some),
            Token::Mark("-") => self.negative_number().map(Some),
            Token::Mark(".") => {
                let start = self.advance()?.1.start;
                let (name, end) = self.property_name()?;
                self.is_relative = true;
                Ok(Some(self.tree.add(Kind::Relative(name), start..end)))
            }
            _ => Ok(None),
        }
    }

    /// Reads what follows an operand: `.name`, `[filter]`; calls and transforms are refused.
    pub(super) fn jexl_suffix(&mut self, left: NodeId, mark: &str) -> Result<NodeId, Fault> {
        let node = self.tree.node(left);
        let start = node.span.start;
        match (mark, &node.kind) {
            (".", _) => {
                self.advance()?;
                let (name, end) = self.property_name()?;
                let object = self.tree.add(Kind::First { object: left }, start..end);
                Ok(self.tree.add(Kind::Member { object, name }, start..end))
            }
            (
                "[",
                Kind::Name(_) | Kind::Relative(_) | Kind::Member { .. } | Kind::Filter { .. },
            ) if !node.is_grouped => {
                self.advance()?;
                let is_outer_relative = std::mem::replace(&mut self.is_relative, false);
                let condition = self.expression(0)?;
                let is_relative = std::mem::replace(&mut self.is_relative, is_outer_relative);
                let end = self.expect("]")?.end;
                let kind = Kind::Filter {
                    object: left,
                    condition,
                    is_relative,
                };
                Ok(self.tree.add(kind, start..end))
            }
            ("(", Kind::Name(name)) => Err(Fault::new(
                format!("functions are not supported in filters: `{name}`"),
                node.span.clone(),
            )),
            ("(", Kind::Member { name, .. }) => Err(Fault::new(
                format!("methods are not supported: `{name}`"),
                node.span.clone(),
            )),
            _ => Err(self.unexpected("an operator or the end of the expression")),
        }
    }

    /// Reads `: otherwise` of `value ?: otherwise`, which is JavaScript's `||`.
    pub(super) fn elvis(&mut self, left: NodeId) -> Result<NodeId, Fault> {
        self.advance()?;
        let right = self.inner()?;
        let span = self.tree.node(left).span.start..self.tree.node(right).span.end;
        let kind = Kind::Binary {
            operator: Binary::Or,
            left,
            right,
        };
        Ok(self.tree.add(kind, span))
    }

    fn property_name(&mut self) -> Result<(String, usize), Fault> {
        match &self.token {
            Token::Name(name) if name != "true" && name != "false" => {
                let name = name.clone();
                let end = self.advance()?.1.end;
                Ok((name, end))
            }
            _ => Err(self.unexpected("the name of a property")),
        }
    }

    fn negative_number(&mut self) -> Result<NodeId, Fault> {
        let minus = self.unexpected("a value");
        let start = self.advance()?.1.start;
        let Token::Number(number) = self.token else {
            return Err(minus);
        };
        let end = self.advance()?.1.end;
        Ok(self.tree.add(Kind::Number(-number), start..end))
    }

    fn list(&mut self) -> Result<NodeId, Fault> {
        let start = self.advance()?.1.start;
        let mut items = Vec::new();
        while self.token != Token::Mark("]") {
            items.push(self.inner()?);
            match self.token {
                Token::Mark(",") => self.advance()?,
                Token::Mark("]") => break,
                _ => return Err(self.unexpected("`,` or `]`")),
            };
        }
        let end = self.expect("]")?.end;
        Ok(self.tree.add(Kind::List(items), start..end))
    }

    fn map(&mut self) -> Result<NodeId, Fault> {
        let start = self.advance()?.1.start;
        let mut entries = Vec::new();
        while self.token != Token::Mark("}") {
            let (name, _) = self.property_name()?;
            self.expect(":")?;
            entries.push((name, self.inner()?));
            match self.token {
                Token::Mark(",") => self.advance()?,
                Token::Mark("}") => break,
                _ => return Err(self.unexpected("`,` or `}`")),
            };
        }
        let end = self.expect("}")?.end;
        Ok(self.tree.add(Kind::Map(entries), start..end))
    }
}

//! Reading the inputs of a built-in plugin.

use serde_json::{Map, Value};

/// The inputs, rendered. A name has several spellings: the code of the reference says another one than its documents.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Inputs<'a> {
    /// What is given under one of the names. Null and an empty text count as nothing: that is what the expression of
    /// something absent leaves.
    pub(super) fn get(&self, names: &[&str]) -> Option<&'a Value> {
        names
            .iter()
            .filter_map(|name| self.0.get(*name))
            .find(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// A text, or a number as text.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, String> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("the input `{}` is not a text", names[0])),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, names: &[&str]) -> Result<String, String> {
        self.text(names)?
            .ok_or_else(|| format!("the input `{}` is missing", names[0]))
    }

    /// A list of texts, or one text of several lines.
    pub(super) fn list(&self, names: &[&str]) -> Result<Vec<String>, String> {
        let not_a_list = || format!("the input `{}` is not a text or a list of texts", names[0]);
        match self.get(names) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(not_a_list))
                .filter(|item| item.as_deref() != Ok(""))
                .collect(),
            Some(Value::String(text)) => Ok(text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()),
            Some(_) => Err(not_a_list()),
        }
    }

    /// A boolean, or its name as text.
    pub(super) fn boolean(&self, names: &[&str]) -> Result<Option<bool>, String> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::Bool(is_true)) => Ok(Some(*is_true)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(format!(
                "the input `{}` is neither true nor false",
                names[0]
            )),
        }
    }

    /// A mapping.
    pub(super) fn object(&self, names: &[&str]) -> Result<Option<&'a Map<String, Value>>, String> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(format!("the input `{}` is not a mapping", names[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Inputs;

    #[test]
    fn inputs_are_read_as_people_write_them() {
        let Value::Object(map) = json!({
            "text": "x", "number": 465, "empty": "", "null": null, "yes": true, "no": "false",
            "list": ["a", "", "b"], "lines": " a\n\nb ", "map": {"k": 1},
        }) else {
            panic!("it is an object");
        };
        let inputs = Inputs(&map);
        assert_eq!(inputs.required(&["text"]), Ok("x".to_owned()));
        assert_eq!(inputs.required(&["other", "number"]), Ok("465".to_owned()));
        assert_eq!(inputs.text(&["empty"]), Ok(None));
        assert_eq!(inputs.text(&["null"]), Ok(None));
        assert!(inputs.required(&["empty"]).is_err());
        assert!(inputs.text(&["map"]).is_err());
        assert_eq!(inputs.boolean(&["yes"]), Ok(Some(true)));
        assert_eq!(inputs.boolean(&["no"]), Ok(Some(false)));
        assert!(inputs.boolean(&["text"]).is_err());
        let both = Ok(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(inputs.list(&["list"]), both);
        assert_eq!(inputs.list(&["lines"]), both);
        assert!(inputs.list(&["map"]).is_err());
        assert!(inputs.object(&["map"]).is_ok_and(|map| map.is_some()));
        assert!(inputs.object(&["text"]).is_err());
    }
}

//! Bodies of the media type `application/x-www-form-urlencoded`.
//!
//! A form has names and text and nothing else, so `data[token]=x` becomes `{"data": {"token": "x"}}`, and text is read
//! as JSON (a number, a boolean, an object) exactly where the operation wants no text.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The most fields that a form may have, and the most of them that are not text.
const MAX_FIELDS: usize = 256;
/// The deepest a name goes: `a[b][c]` is 3.
const MAX_DEPTH: usize = 8;

/// Reads a form; an error is the field and what is wrong with it.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (String, String)> {
    let mut form = Value::Object(Map::new());
    for (n_fields, (name, text)) in url::form_urlencoded::parse(body).enumerate() {
        if n_fields == MAX_FIELDS {
            let message = format!("the form has more than {MAX_FIELDS} fields");
            return Err((String::new(), message));
        }
        insert(&mut form, &name, text.into_owned())
            .map_err(|message| (name.into_owned(), message.to_owned()))?;
    }
    // Each round reads one field as JSON, so there are no more rounds than fields.
    loop {
        let err = match serde_path_to_error::deserialize(&form) {
            Ok(value) => return Ok(value),
            Err(err) => err,
        };
        let path = err.path().to_string();
        let failure = (path.clone(), err.into_inner().to_string());
        let Some(place) = place(&mut form, &path) else {
            return Err(failure);
        };
        let read = place
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        match read {
            Some(Value::String(_)) | None => return Err(failure),
            Some(read) => *place = read,
        }
    }
}

fn insert(form: &mut Value, name: &str, text: String) -> Result<(), &'static str> {
    let (first, rest) = name.split_once('[').unwrap_or((name, ""));
    let mut place = form;
    let mut names = vec![first];
    if !rest.is_empty() {
        let rest = rest
            .strip_suffix(']')
            .ok_or("a `[` in its name is not closed")?;
        names.extend(rest.split("]["));
    }
    if names.len() > MAX_DEPTH {
        return Err("its name is nested too deep");
    }
    for name in names {
        let Value::Object(object) = place else {
            return Err("it is text and an object at once");
        };
        place = object
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
    }
    match place {
        Value::Object(object) if object.is_empty() => {
            *place = Value::String(text);
            Ok(())
        }
        _ => Err("it is there twice"),
    }
}

fn place<'a>(form: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut place = form;
    for name in path.split('.') {
        place = place.get_mut(name)?;
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use flowcd_model::{
        application::NewApplication,
        user::{Nested, NewProviderToken, UserSecretsPatch},
    };

    use super::parse;

    #[test]
    fn names_nest_and_other_types_are_read_where_they_are_wanted() {
        let token =
            parse::<Nested<NewProviderToken>>(b"data[token]=12345&data%5Bprovider%5D=gitee");
        assert!(token.is_ok_and(|it| it.data.token == "12345"));
        let secrets = parse::<Nested<UserSecretsPatch>>(b"data[secrets][A]=1&data[isAdd]=true");
        assert!(secrets.is_ok_and(|it| it.data.is_added && it.data.secrets.0["A"] == "1"));
        let application = parse::<NewApplication>(
            b"repo=1&owner=o&repo_url=u&provider=github&trigger_spec={\"github\":{\"push\":{}}}",
        );
        assert!(application.is_ok_and(|it| it.repo == "1" && it.trigger_spec.0.len() == 1));
    }

    #[test]
    fn a_bad_form_is_told_by_the_field_at_fault() {
        for (body, field) in [
            ("data[token]=a&data[token]=b", "data[token]"),
            ("data=a&data[token]=b", "data[token]"),
            ("data[token", "data[token"),
            ("data=a", "data"),
            ("a[b][c][d][e][f][g][h][i]=1", "a[b][c][d][e][f][g][h][i]"),
        ] {
            let refused = parse::<Nested<NewProviderToken>>(body.as_bytes());
            assert_eq!(
                refused.err().map(|(field, _)| field).as_deref(),
                Some(field),
                "{body}"
            );
        }
    }
}

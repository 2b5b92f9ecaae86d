//! Payloads as a Git host would send them: read from files, and made up.

use std::{collections::BTreeMap, path::PathBuf};

use flowcd_model::{application::Provider, delivery::Payload};
use serde_json::{Map, Value, json};

use crate::{failure::Failure, output::clean, value};

/// The event of a payload that does not tell it.
const DEFAULT_EVENT: &str = "push";
/// A commit that is none of anybody's.
const SOME_COMMIT: &str = "0000000000000000000000000000000000000001";

/// What the command line says of a payload.
#[derive(Debug, clap::Args)]
pub(crate) struct PayloadArgs {
    /// The event, where the file does not tell it: push, pull_request, release, or the host's own name of it. [default:
    /// push]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// A header of the delivery. With the host's id of it (`X-GitHub-Delivery`), the payload counts as that delivery.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
}

impl PayloadArgs {
    /// The payload in a file: its body alone, or `{"headers": {..}, "body": {..}}` as `delivery show -o json` has it.
    pub(crate) fn read(self, path: &PathBuf) -> Result<Payload, Failure> {
        let wrong = |reason: &str| {
            Failure::usage(format!(
                "`{}` holds no payload: {reason}",
                clean(&path.display().to_string())
            ))
        };
        let text = value::read_file(path)?;
        let mut payload = understand(&text).map_err(|reason| wrong(&reason))?;
        payload.headers.extend(self.headers);
        payload.event = self.event.or(payload.event);
        // Every host names the event in a header of its own, and all of them end so.
        let has_event = payload.headers.keys().any(|name| name.ends_with("-event"));
        if payload.event.is_none() && !has_event {
            payload.event = Some(DEFAULT_EVENT.to_owned());
        }
        Ok(payload)
    }
}

/// `Name: value`; the name in lower case.
fn parse_header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err("expected `Name: value`".to_owned()),
    }
}

fn understand(text: &str) -> Result<Payload, String> {
    let mut whole = object(text)?;
    if !whole.get("headers").is_some_and(Value::is_object) {
        return Ok(Payload {
            headers: BTreeMap::new(),
            event: None,
            body: whole,
        });
    }
    let body = match whole.remove("body") {
        Some(Value::Object(body)) => body,
        // A delivery that was shown has its body as the text that came in.
        Some(Value::String(text)) => object(&text).map_err(|reason| format!("`body`: {reason}"))?,
        Some(_) => return Err("`body` is no JSON object".to_owned()),
        None => return Err("there are headers, but there is no body".to_owned()),
    };
    let headers = whole
        .remove("headers")
        .and_then(|headers| headers.as_object().cloned())
        .unwrap_or_default();
    let headers = headers.into_iter().map(|(name, value)| match value {
        Value::String(value) => Ok((name.to_ascii_lowercase(), value)),
        _ => Err(format!("the header `{}` is no text", clean(&name))),
    });
    Ok(Payload {
        headers: headers.collect::<Result<_, _>>()?,
        event: whole
            .get("event")
            .and_then(Value::as_str)
            .map(str::to_owned),
        body,
    })
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is JSON, but no object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

/// The least that a host can say of a push to a branch or a tag.
pub(crate) fn push(provider: Provider, git_ref: &str) -> Payload {
    let event = match provider {
        Provider::Gitee | Provider::Gitlab | Provider::Codeup
            if git_ref.starts_with("refs/tags/") =>
        {
            "tag_push"
        }
        _ => DEFAULT_EVENT,
    };
    let mut body = Map::new();
    body.insert("ref".to_owned(), json!(git_ref));
    body.insert("after".to_owned(), json!(SOME_COMMIT));
    Payload {
        headers: BTreeMap::new(),
        event: Some(event.to_owned()),
        body,
    }
}

/// Whether a commit is the one of [`push`].
pub(crate) fn is_made_up(commit: &str) -> bool {
    commit == SOME_COMMIT
}

#[cfg(test)]
mod tests {
    use flowcd_model::application::Provider;
    use serde_json::json;

    use super::{parse_header, push, understand};

    #[test]
    fn a_payload_is_its_body_or_what_was_saved_of_a_delivery() {
        let bare = understand(r#"{"ref": "refs/heads/main"}"#).expect("a payload");
        assert_eq!(bare.body["ref"], json!("refs/heads/main"));
        assert!(bare.headers.is_empty());
        for text in [
            r#"{"headers": {"X-GitHub-Event": "push"}, "body": {"ref": "r"}}"#,
            r#"{"id": "x", "event": {"eventName": "push"}, "headers": {"X-GitHub-Event": "push"}, "body": "{\"ref\":\"r\"}"}"#,
        ] {
            let saved = understand(text).expect(text);
            assert_eq!(saved.headers["x-github-event"], "push");
            assert_eq!((saved.event, &saved.body["ref"]), (None, &json!("r")));
        }
        let short = understand(r#"{"headers": {}, "event": "release", "body": {}}"#);
        assert_eq!(
            short.ok().and_then(|it| it.event).as_deref(),
            Some("release")
        );
        for (text, reason) in [
            ("[]", "no object"),
            ("ref: main", "no JSON"),
            (r#"{"headers": {}, "bodyBytes": 9000000}"#, "no body"),
            (
                r#"{"headers": {}, "body": "<xml>"}"#,
                "`body`: it is no JSON",
            ),
            (r#"{"headers": {"a": 1}, "body": {}}"#, "`a` is no text"),
        ] {
            let error = understand(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_header_has_a_name() {
        assert_eq!(
            parse_header("X-GitHub-Delivery:  a:b "),
            Ok(("x-github-delivery".to_owned(), "a:b".to_owned()))
        );
        assert!(parse_header("push").is_err());
        assert!(parse_header(": x").is_err());
    }

    #[test]
    fn some_hosts_tell_tags_by_another_event() {
        for (provider, git_ref, event) in [
            (Provider::Github, "refs/tags/v1", "push"),
            (Provider::Gitlab, "refs/tags/v1", "tag_push"),
            (Provider::Gitlab, "refs/heads/v1", "push"),
        ] {
            let payload = push(provider, git_ref);
            assert_eq!(payload.event.as_deref(), Some(event), "{provider}");
        }
    }
}

//! Deliveries as they may be kept and shown: `***` stands in the place of what authenticates.

use std::collections::BTreeMap;

use flowcd_store::WebhookSecret;
use serde_json::{Map, Value};

use super::signature::given;

const HIDDEN: &str = "***";

/// A secret that is shorter is blanked only where it is a whole text: it would be found where it is none.
const MIN_BYTES: usize = 4;

/// Headers that authenticate.
const HEADERS: [&str; 17] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "webhook-signature",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-gitee-token",
    "x-gitlab-token",
    "x-codeup-token",
    "codeup-token",
    "x-gitea-signature",
    "x-gogs-signature",
    "x-forgejo-signature",
    "cd_token",
    "cd-token",
    "x-api-key",
];

/// Where hosts put what authenticates into the body: Gitee's password and signature, the secret of an old Gitea, the
/// settings of the webhook in GitHub's ping.
const FIELDS: [&[&str]; 8] = [
    &["password"],
    &["sign"],
    &["secret"],
    &["token"],
    &["hook", "config", "secret"],
    &["hook", "config", "token"],
    &["hook", "config", "password"],
    &["hook", "config", "authorization_header"],
];

/// Fields of repositories that let their bearer in, wherever the repository stands.
const ANYWHERE: [&str; 2] = ["temp_clone_token", "runners_token"];

/// Headers as they may be kept.
pub(crate) fn headers(
    headers: &BTreeMap<String, String>,
    secret: &WebhookSecret,
) -> BTreeMap<String, String> {
    let blank = Blank::new(secret);
    headers
        .iter()
        .map(|(name, value)| {
            let value = if HEADERS.contains(&name.as_str()) {
                HIDDEN.to_owned()
            } else {
                blank.text(value)
            };
            (name.clone(), value.replace('\0', "\u{fffd}"))
        })
        .collect()
}

/// A payload as it may be kept: JSON.
pub(crate) fn body(body: &Map<String, Value>, secret: &WebhookSecret) -> String {
    let blank = Blank::new(secret);
    let mut body = body.clone();
    for path in FIELDS {
        if let Some((last, parents)) = path.split_last() {
            let parent = parents.iter().try_fold(&mut body, |object, key| {
                object.get_mut(*key)?.as_object_mut()
            });
            if let Some(value) = parent.and_then(|object| object.get_mut(*last)) {
                hide(value);
            }
        }
    }
    let mut body = Value::Object(body);
    blank.value(&mut body);
    body.to_string()
}

/// A body that is no payload, as it may be kept.
pub(crate) fn text(body: &[u8], secret: &WebhookSecret) -> String {
    Blank::new(secret)
        .text(&String::from_utf8_lossy(body))
        .replace('\0', "\u{fffd}")
}

fn hide(value: &mut Value) {
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if !is_empty {
        *value = Value::from(HIDDEN);
    }
}

/// The secrets that are looked for, in each form that they can take in a text; the longest first, as one may be a part
/// of another.
struct Blank(Vec<String>);

impl Blank {
    fn new(secret: &WebhookSecret) -> Self {
        let mut forms = Vec::new();
        for value in [&secret.secret, &secret.password] {
            let Some(value) = given(value.as_ref()) else {
                continue;
            };
            let json = Value::from(value).to_string();
            forms.extend([
                value.to_owned(),
                json[1..json.len() - 1].to_owned(),
                url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
            ]);
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self(forms)
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.0 {
            if form.len() >= MIN_BYTES || form.len() == text.len() {
                text = text.replace(form, HIDDEN);
            }
        }
        text
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(object) => {
                for (key, value) in object.iter_mut() {
                    if ANYWHERE.contains(&key.as_str()) {
                        hide(value);
                    }
                    self.value(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
        }
    }
}

//! What the chats want to get, and what they answer.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use url::Url;

use crate::plugin::input::Inputs;

/// A chat whose webhooks we know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chat {
    DingTalk,
    WeCom,
    Feishu,
    Slack,
    /// Anything else: the payload as it is.
    Plain,
}

impl fmt::Display for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DingTalk => "DingTalk",
            Self::WeCom => "WeCom",
            Self::Feishu => "Feishu",
            Self::Slack => "Slack",
            Self::Plain => "a webhook",
        })
    }
}

/// A request as it is sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) body: Value,
}

/// A message as it was asked for.
struct Message {
    msgtype: String,
    payload: Value,
}

impl Chat {
    /// The chat that the input `type` names.
    pub(super) fn of_name(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "dingtalk" | "ding-talk" => Self::DingTalk,
            "wecom" | "wechat-work" => Self::WeCom,
            "feishu" | "lark" => Self::Feishu,
            "slack" => Self::Slack,
            "webhook" | "json" => Self::Plain,
            _ => {
                return Err(format!(
                    "the type `{}` is none of `dingtalk`, `wecom`, `feishu`, `slack` and `webhook`",
                    name.escape_debug()
                ));
            }
        })
    }

    /// The chat that answers at this host. The plugin has DingTalk's name, so that is what an unknown host is.
    pub(super) fn of_host(host: &str) -> Self {
        match host {
            "qyapi.weixin.qq.com" => Self::WeCom,
            "open.feishu.cn" | "open.larksuite.com" => Self::Feishu,
            "hooks.slack.com" => Self::Slack,
            _ => Self::DingTalk,
        }
    }

    /// Why the message was not taken, although the status says that it was.
    pub(super) fn error_of(self, answer: &[u8]) -> Option<String> {
        let (code, text) = match self {
            Self::DingTalk | Self::WeCom => ("errcode", "errmsg"),
            Self::Feishu => ("code", "msg"),
            Self::Slack | Self::Plain => return None,
        };
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return Some("its answer is no JSON".to_owned());
        };
        match answer.get(code).or_else(|| answer.get("StatusCode")) {
            None => None,
            Some(number) if number.as_i64() == Some(0) => None,
            Some(number) => {
                let text = answer.get(text).and_then(Value::as_str).unwrap_or_default();
                Some(format!("{code} {number}: {text}"))
            }
        }
    }
}

impl Request {
    pub(super) fn new(chat: Chat, inputs: &Inputs<'_>, url: Url) -> Result<Self, String> {
        let secret = inputs.text(&["secret"])?;
        let message = Message::read(chat, inputs)?;
        let body = match chat {
            Chat::DingTalk => ding_talk(inputs, message)?,
            Chat::WeCom => message.under_its_type(),
            Chat::Feishu => message.for_feishu(),
            Chat::Slack => message.with_text(),
            Chat::Plain => message.payload,
        };
        let request = Self { url, body };
        match secret {
            Some(secret) => request.sign(chat, &secret),
            None => Ok(request),
        }
    }

    fn sign(mut self, chat: Chat, secret: &str) -> Result<Self, String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        match chat {
            Chat::DingTalk => {
                let timestamp = now.as_millis();
                let sign = hmac(secret, &format!("{timestamp}\n{secret}"))?;
                self.url
                    .query_pairs_mut()
                    .append_pair("timestamp", &timestamp.to_string())
                    .append_pair("sign", &sign);
            }
            Chat::Feishu => {
                let timestamp = now.as_secs().to_string();
                let sign = hmac(&format!("{timestamp}\n{secret}"), "")?;
                self.body["timestamp"] = timestamp.into();
                self.body["sign"] = sign.into();
            }
            Chat::WeCom | Chat::Slack | Chat::Plain => {
                return Err(format!("{chat} knows no `secret`"));
            }
        }
        Ok(self)
    }
}

fn hmac(key: &str, text: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|_| "the input `secret` is no key".to_owned())?;
    mac.update(text.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

impl Message {
    fn read(chat: Chat, inputs: &Inputs<'_>) -> Result<Self, String> {
        let payload = inputs
            .get(&["payload"])
            .ok_or("the input `payload` is missing")?;
        // Some pipelines write the payload as JSON in a text.
        let payload = match payload
            .as_str()
            .filter(|text| text.trim_start().starts_with('{'))
        {
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| payload.clone()),
            None => payload.clone(),
        };
        if !payload.is_object() && !payload.is_string() {
            return Err("the input `payload` is neither a mapping nor a text".to_owned());
        }
        let msgtype = inputs.text(&["msgtype"])?;
        let msgtype = msgtype.unwrap_or_else(|| "text".to_owned());
        let known: &[&str] = match chat {
            Chat::DingTalk => &["text", "link", "markdown", "actionCard", "feedCard"],
            Chat::WeCom => &[
                "text",
                "markdown",
                "markdown_v2",
                "image",
                "news",
                "file",
                "template_card",
            ],
            Chat::Feishu => &[
                "text",
                "markdown",
                "post",
                "image",
                "interactive",
                "share_chat",
            ],
            Chat::Slack => &["text", "markdown"],
            Chat::Plain => &[],
        };
        if !known.is_empty() && !known.contains(&msgtype.as_str()) {
            return Err(format!(
                "the msgtype `{}` is none of {}",
                msgtype.escape_debug(),
                known
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        Ok(Self { msgtype, payload })
    }

    /// `{msgtype, <msgtype>: payload}`. A text is the content of a message that has one.
    fn under_its_type(self) -> Value {
        let Self { msgtype, payload } = self;
        let payload = match payload {
            Value::String(text) => json!({"content": text}),
            payload => payload,
        };
        json!({"msgtype": msgtype, msgtype.as_str(): payload})
    }

    /// Feishu names the content of each kind in its own way, and shows Markdown in cards alone.
    fn for_feishu(self) -> Value {
        let Self { msgtype, payload } = self;
        let text_of = |payload: &Value| {
            ["text", "content"]
                .iter()
                .find_map(|name| payload.get(name).cloned())
                .unwrap_or_else(|| payload.clone())
        };
        match msgtype.as_str() {
            "text" => json!({"msg_type": "text", "content": {"text": text_of(&payload)}}),
            "markdown" => {
                let mut card =
                    json!({"elements": [{"tag": "markdown", "content": text_of(&payload)}]});
                if let Some(title) = payload.get("title") {
                    card["header"] = json!({"title": {"tag": "plain_text", "content": title}});
                }
                json!({"msg_type": "interactive", "card": card})
            }
            "interactive" => json!({"msg_type": "interactive", "card": payload}),
            _ => json!({"msg_type": msgtype, "content": payload}),
        }
    }

    /// `{text: ..}`, and whatever else a mapping has.
    fn with_text(self) -> Value {
        match self.payload {
            Value::Object(mut map) => {
                if let (false, Some(content)) = (map.contains_key("text"), map.remove("content")) {
                    map.insert("text".to_owned(), content);
                }
                Value::Object(map)
            }
            text => json!({"text": text}),
        }
    }
}

fn ding_talk(inputs: &Inputs<'_>, message: Message) -> Result<Value, String> {
    let mut at = Map::new();
    let given = inputs.object(&["at"])?.cloned().unwrap_or_default();
    for (name, value) in given {
        // Rendered inputs are texts where the service wants a boolean.
        let value = match value.as_str() {
            Some("true") => true.into(),
            Some("false") => false.into(),
            _ => value,
        };
        at.insert(name, value);
    }
    let mut message = message;
    if message.msgtype == "markdown"
        && let Value::String(text) = &message.payload
    {
        // Its title is what a phone shows.
        let title: String = text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(60)
            .collect();
        message.payload = json!({"title": title, "text": text});
    }
    let mut body = message.under_its_type();
    body["at"] = Value::Object(at);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use url::Url;

    use super::{Chat, Request, hmac};
    use crate::plugin::input::Inputs;

    fn body(chat: Chat, inputs: Value) -> Value {
        request(chat, inputs).map_or_else(Value::from, |request| request.body)
    }

    fn request(chat: Chat, inputs: Value) -> Result<Request, String> {
        let Value::Object(map) = inputs else {
            panic!("inputs are an object");
        };
        let url = Url::parse("http://chat.example.com/send?access_token=t").expect("an address");
        Request::new(chat, &Inputs(&map), url)
    }

    #[test]
    fn each_chat_gets_what_it_understands() {
        for (chat, inputs, expected) in [
            (
                Chat::DingTalk,
                json!({"payload": {"content": "hi"}, "at": {"isAtAll": "true", "atMobiles": ["1"]}}),
                json!({"msgtype": "text", "text": {"content": "hi"}, "at": {"isAtAll": true, "atMobiles": ["1"]}}),
            ),
            (
                Chat::DingTalk,
                json!({"payload": "# Done\nAll of it", "msgtype": "markdown"}),
                json!({"msgtype": "markdown", "markdown": {"title": "# Done", "text": "# Done\nAll of it"}, "at": {}}),
            ),
            (
                Chat::DingTalk,
                json!({"payload": "{\"content\": \"json\"}"}),
                json!({"msgtype": "text", "text": {"content": "json"}, "at": {}}),
            ),
            (
                Chat::WeCom,
                json!({"payload": "hi", "msgtype": "markdown"}),
                json!({"msgtype": "markdown", "markdown": {"content": "hi"}}),
            ),
            (
                Chat::Feishu,
                json!({"payload": {"content": "hi"}}),
                json!({"msg_type": "text", "content": {"text": "hi"}}),
            ),
            (
                Chat::Feishu,
                json!({"payload": {"title": "T", "text": "hi"}, "msgtype": "markdown"}),
                json!({"msg_type": "interactive", "card": {
                    "elements": [{"tag": "markdown", "content": "hi"}],
                    "header": {"title": {"tag": "plain_text", "content": "T"}},
                }}),
            ),
            (Chat::Slack, json!({"payload": "hi"}), json!({"text": "hi"})),
            (
                Chat::Slack,
                json!({"payload": {"blocks": [], "content": "hi"}}),
                json!({"blocks": [], "text": "hi"}),
            ),
            (
                Chat::Plain,
                json!({"payload": {"a": 1}, "msgtype": "whatever"}),
                json!({"a": 1}),
            ),
        ] {
            assert_eq!(body(chat, inputs.clone()), expected, "{chat}: {inputs}");
        }
    }

    #[test]
    fn what_a_chat_does_not_know_is_an_error() {
        for (chat, inputs, error) in [
            (Chat::DingTalk, json!({}), "the input `payload` is missing"),
            (
                Chat::DingTalk,
                json!({"payload": "x", "msgtype": "video"}),
                "the msgtype `video` is none of `text`, `link`, `markdown`, `actionCard`, `feedCard`",
            ),
            (
                Chat::Slack,
                json!({"payload": "x", "secret": "s"}),
                "Slack knows no `secret`",
            ),
            (
                Chat::Plain,
                json!({"payload": 1}),
                "the input `payload` is neither a mapping nor a text",
            ),
        ] {
            assert_eq!(body(chat, inputs), Value::from(error));
        }
        assert!(Chat::of_name("irc").is_err());
    }

    #[test]
    fn a_secret_signs_and_is_not_sent() {
        // Values from an independent implementation of HMAC-SHA256.
        assert_eq!(
            hmac("SEC", "1700000000000\nSEC").as_deref(),
            Ok("r+2we0q01lkZqz38LA5IPNbHN81U1leRf3Au4PSQb6Q=")
        );
        let signed = request(
            Chat::DingTalk,
            json!({"payload": "x", "secret": "SECRET/+="}),
        );
        let url = signed.map(|request| request.url.to_string());
        let url = url.expect("it is signed");
        assert!(url.contains("access_token=t&timestamp="), "{url}");
        assert!(url.contains("&sign="), "{url}");
        assert!(!url.contains("SECRET"), "{url}");
        let signed = body(Chat::Feishu, json!({"payload": "x", "secret": "SECRET"}));
        assert!(signed["sign"].is_string() && signed["timestamp"].is_string());
        assert!(!signed.to_string().contains("SECRET"));
    }

    #[test]
    fn an_answer_can_say_no_although_its_status_says_yes() {
        for (chat, answer, expected) in [
            (Chat::DingTalk, r#"{"errcode":0,"errmsg":"ok"}"#, None),
            (
                Chat::DingTalk,
                r#"{"errcode":310000,"errmsg":"sign not match"}"#,
                Some("errcode 310000: sign not match"),
            ),
            (Chat::DingTalk, "{}", None),
            (Chat::WeCom, r#"{"errcode":93000}"#, Some("errcode 93000: ")),
            (Chat::WeCom, "<html>", Some("its answer is no JSON")),
            (Chat::Feishu, r#"{"code":0}"#, None),
            (Chat::Feishu, r#"{"StatusCode":0}"#, None),
            (
                Chat::Feishu,
                r#"{"code":19024,"msg":"Key Words Not Found"}"#,
                Some("code 19024: Key Words Not Found"),
            ),
            (Chat::Slack, "ok", None),
            (Chat::Plain, "", None),
        ] {
            let error = chat.error_of(answer.as_bytes());
            assert_eq!(error.as_deref(), expected, "{chat}: {answer}");
        }
    }
}

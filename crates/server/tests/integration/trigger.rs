//! Triggers as texts: what is read, what is refused, and what stays as it is.

use flowcd_client::Error;
use flowcd_model::trigger::{TriggerConversion, TriggerSpec};
use serde_json::{Value, json};

use crate::support::*;

fn text(text: impl Into<String>) -> TriggerConversion {
    TriggerConversion {
        text: Some(text.into()),
        ..TriggerConversion::default()
    }
}

fn spec(value: Value) -> TriggerSpec {
    serde_json::from_value(value).expect("a trigger")
}

on_both! {
    async fn a_trigger_is_the_same_as_yaml_and_as_json(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        // Names that YAML would take for something else, masks, long lines and several of them.
        let hard = ["1.0", "true", "null", "~", "on", "0x10", "1e3", "- a", "a: b", "# c", "'", "\"", "2024-01-01", " d ", "*", "!x", "{}", "", "007", "日本"];
        let long = format!("body.ref == '{}'\n  && true\n", "a ".repeat(100));
        let whole = spec(json!({
            "git": {
                "secret": "***",
                "events": [{"eventName": "push", "filter": long}, {"eventName": "***"}],
                "push": {"branches": {"prefix": []}, "tags": {"precise": hard}, "paths": ["**/*.md"]},
                "pull_request": {"types": ["opened"], "branches": {"precise": [{"target": "main", "source": "yes"}]}},
                "schedule": [{"cron": "30 4 * * *", "ref": "refs/heads/main", "inputs": {"a": "1", "b": 1, "c": [null, true, "true"]}, "missed": "run"}],
            },
            "github": {"password": "***"},
        }));
        for given in [whole, spec(json!({})), spec(json!({"git": {}}))] {
            let written = client.convert_trigger(&TriggerConversion { trigger_spec: Some(given.clone()), ..TriggerConversion::default() }).await.expect("written");
            assert_eq!(written.trigger_spec, given);
            for form in [written.yaml.clone(), serde_json::to_string_pretty(&given).expect("JSON")] {
                let read = client.convert_trigger(&text(&form)).await.unwrap_or_else(|err| panic!("{err}: {form}"));
                assert_eq!(read.trigger_spec, given, "{form}");
                assert_eq!(read.yaml, written.yaml);
            }
        }
        // What people write.
        let read = client.convert_trigger(&text("# ours\ngit:\n  push:\n    branches: {precise: [main, 1.0, on]} # all\n")).await.expect("read");
        assert_eq!(read.trigger_spec, spec(json!({"git": {"push": {"branches": {"precise": ["main", "1.0", "on"]}}}})));
        for nothing in ["", "\n", "# nothing\n", "---\n", "{}"] {
            let read = client.convert_trigger(&text(nothing)).await.unwrap_or_else(|err| panic!("{err}: {nothing:?}"));
            assert_eq!(read.trigger_spec, spec(json!({})), "{nothing:?}");
        }
        server.stop().await;
    }
}

/// Nine lists of nine aliases each, nine times over.
fn bomb() -> String {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip('a'..) {
        let aliases = vec![format!("*{of}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    let indented: String = text
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    format!(
        "git:\n  schedule:\n    - cron: 0 4 * * *\n      ref: refs/heads/main\n      inputs:\n{indented}"
    )
}

on_both! {
    async fn what_is_wrong_with_a_text_is_told_with_its_place(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let mut wrong = Vec::new();
        for (given, field, part) in [
            ("git:\n  push: {\n".to_owned(), "trigger_spec.git.push", "line 2, column 9: unclosed bracket"),
            ("git:\n  push: {}\n  push: {}\n".to_owned(), "trigger_spec.git", "line 3, column 3: "),
            ("git: {}\n---\ngit: {}\n".to_owned(), "text", "one document"),
            ("git:\n  secret: ***\n".to_owned(), "trigger_spec.git", "line 2, column "),
            ("7".to_owned(), "text", "line 1, column 1: "),
            ("- git".to_owned(), "text", "line 1, column 1: "),
            ("svn: {}".to_owned(), "trigger_spec.svn", "line 1, column 1: "),
            ("git:\n  push:\n    branchs: {}\n".to_owned(), "trigger_spec.git.push.branchs", "line 3, column 5: there is no such field"),
            ("git:\n  events:\n    - eventName: push\n    - filter: x\n".to_owned(), "trigger_spec.git.events[1].eventName", "line 4, column 7: it is missing"),
            ("git:\n  push:\n    branches: {precise: main}\n".to_owned(), "trigger_spec.git.push.branches.precise", "line 3, column 25: "),
            ("git:\n  pull_request:\n    types: [opend]\n".to_owned(), "trigger_spec.git.pull_request.types[0]", "line 3, column 13: "),
            (bomb(), "text", "too many parts, anchors or aliases"),
            ("[".repeat(10_000), "text", "nest more than 24 deep"),
            ("#".repeat(1_000_000), "text", "longer than 262144 bytes"),
        ] {
            let short: String = given.chars().take(80).collect();
            let err = client.convert_trigger(&text(given)).await.expect_err(&short);
            let Error::Api(problem) = &err else { panic!("{short}: {err:?}") };
            let message = &problem.message;
            let is_right = problem.status == 422 && problem.field.as_deref() == Some(field) && message.contains(part) && !message.contains('\n');
            if !is_right {
                wrong.push(format!("{short:?}: {:?}: {message}", problem.field));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        let both = TriggerConversion { trigger_spec: Some(spec(json!({}))), ..text("{}") };
        for given in [TriggerConversion::default(), both] {
            let err = client.convert_trigger(&given).await.expect_err("one of the two");
            assert!(err.to_string().contains("either `text` or `triggerSpec`"), "{err}");
        }
        let token = server.token("admin", -1).await;
        let path = "/api/flow/trigger/convert";
        for (body, status, part) in [
            (json!({"triggerSpec": {"git": {"pushes": {}}}}), 400, "triggerSpec.git.pushes"),
            (json!({"text": 7}), 400, "text"),
            (json!({"yaml": ""}), 400, "yaml"),
            (json!({"text": "#".repeat(2 * 1024 * 1024)}), 413, "longer"),
        ] {
            let response = http().post(server.url(path)).header("cd_token", &token).json(&body).send().await.expect("an answer");
            assert_eq!(response.status().as_u16(), status, "{part}");
            let answer: Value = response.json().await.expect("JSON");
            assert!(answer["message"].as_str().is_some_and(|it| it.contains(part)), "{answer}");
        }
        let response = http().post(server.url(path)).json(&json!({"text": ""})).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 401);
        server.stop().await;
    }
}

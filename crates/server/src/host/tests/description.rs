//! The published descriptions of hosts' APIs, and whether a request is one that they describe. `cargo xtask host-apis`
//! writes them.

use std::{collections::BTreeMap, path::Path};

use boon::{Compiler, SchemaIndex, Schemas};
use serde::Deserialize;
use serde_json::Value;

use super::fake::Request;

#[derive(Deserialize)]
struct Record {
    operations: BTreeMap<String, Operation>,
}

#[derive(Deserialize)]
struct Operation {
    query: BTreeMap<String, Value>,
    body: Option<Value>,
}

/// What a host says of its API.
pub(super) struct Description {
    /// What the addresses begin with.
    base: &'static str,
    operations: BTreeMap<String, Operation>,
}

impl Description {
    pub(super) fn read(host: &str, base: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openapi");
        let text = std::fs::read_to_string(path.join(format!("{host}.json")));
        let record: Record = serde_json::from_str(&text.expect("it is there")).expect("a record");
        Self {
            base,
            operations: record.operations,
        }
    }

    /// Fails unless it is a request that is described.
    pub(super) fn check(&self, request: &Request) {
        let path = request.path().strip_prefix(self.base);
        let path = path.expect("it begins as the API does");
        let mut operations = self.operations.iter().filter(|(operation, _)| {
            let (method, template) = operation.split_once(' ').expect("a method and a path");
            method == request.method && is_path_of(path, template)
        });
        let (_, operation) = operations
            .next()
            .unwrap_or_else(|| panic!("there is no {request}"));
        assert!(operations.next().is_none(), "there are several {request}");
        let query = request
            .target
            .split_once('?')
            .map_or("", |(_, query)| query);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let schema = operation.query.get(name.as_ref());
            let schema = schema.unwrap_or_else(|| panic!("no {name} in {request}"));
            let value = match schema["type"].as_str() {
                Some("string") => Value::from(value.as_ref()),
                _ => value.parse().expect("a number or a truth"),
            };
            validate(schema, &value, request);
        }
        match &operation.body {
            Some(schema) => validate(schema, &request.body, request),
            None => assert!(request.body.is_null(), "a body in {request}"),
        }
    }
}

fn is_path_of(path: &str, template: &str) -> bool {
    let (mut path, mut template) = (path.split('/'), template.split('/'));
    loop {
        match (path.next(), template.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) if part == name => {}
            (Some(part), Some(name)) if name.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

fn validate(schema: &Value, value: &Value, request: &Request) {
    let (schemas, index) = compile(schema);
    if let Err(err) = schemas.validate(value, index) {
        panic!("{request}: {err:#}");
    }
}

fn compile(schema: &Value) -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource("schema.json", schema.clone())
        .expect("it is taken");
    let index = compiler.compile("schema.json", &mut schemas);
    (schemas, index.expect("a good schema"))
}

#[test]
fn a_request_that_is_not_described_is_seen() {
    let description = Description::read("github", "/api/v3");
    let request = |method: &str, target: &str, body: Value| Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body,
    };
    let hooks = "/api/v3/repos/ada/shop/hooks";
    let config = serde_json::json!({"config": {"url": "https://a"}});
    description.check(&request("POST", hooks, config));
    for (method, target, body) in [
        ("GET", "/api/v3/nothing", Value::Null),
        ("PUT", hooks, Value::Null),
        ("GET", "/api/v3/user/repos?limit=1", Value::Null),
        ("GET", "/api/v3/user/repos?page=x", Value::Null),
        ("GET", hooks, serde_json::json!({})),
        ("POST", hooks, serde_json::json!({"typo": 1})),
        ("POST", hooks, serde_json::json!({"config": {"typo": 1}})),
        ("POST", hooks, serde_json::json!({"active": "yes"})),
    ] {
        let wrong = request(method, target, body);
        let checked = std::panic::catch_unwind(|| description.check(&wrong));
        assert!(checked.is_err(), "{wrong}");
    }
}

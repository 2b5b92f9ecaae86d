//! The examples of docs/triggers.md: each trigger is taken by a server, each explanation is what `flowcd` prints.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::support::{Outcome, Server, end, end_with_input};

pub(crate) const TRIGGERS: &str = include_str!("../../../../docs/triggers.md");
const READMES: [&str; 2] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../README.zh-CN.md"),
];

/// The file that a trigger is, where no comment names another.
const TRIGGER_FILE: &str = "trigger.yaml";
/// What the commands begin with that are run.
const EXPLAIN: &str = "$ flowcd trigger explain ";

/// What stands between fences.
#[derive(Debug)]
struct Block {
    line: usize,
    language: String,
    /// The file that a comment before it names.
    file: Option<String>,
    text: String,
}

/// A document's blocks, in order.
pub(crate) struct Document(Vec<Block>);

impl Document {
    pub(crate) fn of(text: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut file = None;
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, Some(language)) => {
                    open = Some(Block {
                        line: index + 1,
                        language: language.to_owned(),
                        file: file.take(),
                        text: String::new(),
                    });
                }
                (None, None) => {
                    let comment = line.strip_prefix("<!-- file: ");
                    file = comment
                        .and_then(|rest| rest.strip_suffix(" -->"))
                        .map(str::to_owned)
                        .or(file);
                }
            }
        }
        Self(blocks)
    }

    /// The text of a block that a comment names.
    pub(crate) fn file(&self, name: &str) -> &str {
        let mut blocks = self.0.iter();
        let found = blocks.find(|block| block.file.as_deref() == Some(name));
        &found.expect("the document has the file").text
    }
}

/// The commands of a block that are run, each with what it is to print.
fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut is_run = false;
    for line in block.text.lines() {
        if line.starts_with("$ ") {
            is_run = line.starts_with(EXPLAIN);
            if is_run {
                commands.push((line.to_owned(), String::new()));
            }
        } else if is_run && let Some((_, expected)) = commands.last_mut() {
            expected.push_str(line);
            expected.push('\n');
        }
    }
    // An empty line between two commands is none of the output.
    for (_, expected) in &mut commands {
        expected.truncate(expected.trim_end().len());
    }
    commands
}

/// Makes an application with each provider's part of a trigger.
async fn create(server: &Server, block: &Block, trigger: &Value) {
    let providers = trigger.as_object().expect("a trigger is an object");
    for (provider, rules) in providers {
        let name = format!("line{}", block.line);
        let args = [
            "app",
            "create",
            "--no-webhook",
            "--provider",
            provider,
            "--owner",
            "acme",
            "--repo",
            &name,
            "--repo-url",
            "https://git.example.com/acme/hello.git",
            "--trigger-spec",
            "-",
        ];
        let spec = BTreeMap::from([(provider, rules)]);
        let spec = serde_json::to_string(&spec).expect("JSON");
        let created = end_with_input(&mut server.flowcd(&args), &spec).await;
        assert_eq!(
            created.code,
            Some(0),
            "line {}: {}",
            block.line,
            created.stderr
        );
    }
}

/// Takes every block in turn; answers how many triggers and explanations there were.
async fn check(server: &Server, document: &Document) -> (usize, usize) {
    let folder = server.path("document");
    fs::create_dir_all(&folder).expect("a folder");
    let (mut n_triggers, mut n_explanations) = (0, 0);
    for block in &document.0 {
        let file = match (block.language.as_str(), &block.file) {
            ("yaml" | "json", Some(file)) => Some(file.as_str()),
            ("yaml" | "json", None) => Some(TRIGGER_FILE),
            _ => None,
        };
        if let Some(file) = file {
            fs::write(folder.join(file), &block.text).expect("a file");
            if file == TRIGGER_FILE {
                let trigger: Value = serde_saphyr::from_str(&block.text).expect("YAML");
                create(server, block, &trigger).await;
                n_triggers += 1;
            }
        }
        if block.language != "console" {
            continue;
        }
        for (line, expected) in commands(block) {
            let args: Vec<&str> = line.split(' ').skip(2).collect();
            let ended = end(server.flowcd(&args).current_dir(&folder)).await;
            assert_eq!(
                ended.stdout.trim_end(),
                expected,
                "line {}: {line}\n{}\n{}",
                block.line,
                ended.stdout,
                ended.stderr
            );
            n_explanations += 1;
        }
    }
    (n_triggers, n_explanations)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_of_triggers_tells_what_is_so() -> Outcome {
    let server = Server::start().await;
    let counted = check(&server, &Document::of(TRIGGERS)).await;
    assert!(counted.0 >= 8 && counted.1 >= 5, "{counted:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_tell_what_is_so() -> Outcome {
    for readme in READMES {
        let server = Server::start().await;
        let mut document = Document::of(readme);
        // The other files there are pipelines and answers.
        document
            .0
            .retain(|block| block.language == "console" || block.file.is_some());
        let counted = check(&server, &document).await;
        assert_eq!(counted, (1, 2));
        server.stop().await;
    }
    Ok(())
}

#[test]
fn every_key_of_a_trigger_is_in_the_document() {
    let api = include_str!("../../../../openapi/openapi.json");
    let api: Value = serde_json::from_str(api).expect("JSON");
    let schemas = &api["components"]["schemas"];
    for schema in [
        "ProviderTrigger",
        "PushRules",
        "PullRequestRules",
        "PrRules",
        "EventRule",
        "ScheduleRule",
        "Patterns_String",
    ] {
        let keys = schemas[schema]["properties"].as_object();
        for key in keys.expect(schema).keys() {
            assert!(TRIGGERS.contains(&format!("`{key}`")), "{schema}: `{key}`");
        }
    }
    for schema in ["PullRequestType", "Verdict", "DeliveryKind", "Missed"] {
        let words = schemas[schema]["enum"].as_array();
        for word in words.expect(schema).iter().filter_map(Value::as_str) {
            assert!(
                TRIGGERS.contains(&format!("`{word}`")),
                "{schema}: `{word}`"
            );
        }
    }
}

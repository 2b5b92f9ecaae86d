//! Tasks, for people and for programs.

use crate::support::{Outcome, Server};

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_as_table_json_and_yaml() -> Outcome {
    let server = Server::start().await;
    let _repo = server
        .app(
            "demo",
            "steps:\n  - name: \"e\\e[31mvil\"\n    run: exit 1\n",
        )
        .await;
    for _ in 0..3 {
        let ended = server
            .run(&["deploy", "acme/demo", "--ref", "main", "--follow"])
            .await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(!ended.stderr.contains('\x1b'), "{ended:?}");
    }
    let table = server.run(&["task", "list", "acme/demo"]).await;
    assert_eq!(table.data().lines().count(), 4, "{table:?}");
    assert!(table.data().contains("failure"), "{table:?}");

    let json = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    let numbers: Vec<_> = json
        .as_array()
        .ok_or("a list")?
        .iter()
        .map(|task| &task["number"])
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
    let yaml = server
        .run(&[
            "task",
            "list",
            "acme/demo",
            "--limit",
            "1",
            "--output",
            "yaml",
        ])
        .await;
    assert!(yaml.data().starts_with("- id: "), "{yaml:?}");
    assert_eq!(yaml.data().matches("\n- id: ").count(), 0, "{yaml:?}");
    let none = server
        .run(&[
            "task",
            "list",
            "acme/demo",
            "--status",
            "success",
            "--output",
            "json",
        ])
        .await;
    assert_eq!(none.data(), "[]");

    let id = json[0]["id"].as_str().ok_or("an id")?;
    let shown = server.run(&["task", "show", id]).await;
    assert!(shown.data().contains("exit code 1"), "{shown:?}");
    assert!(!shown.stdout.contains('\x1b'), "{shown:?}");
    assert_eq!(
        server.run(&["task", "list", "acme/nope"]).await.code,
        Some(5)
    );
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_shown_with_its_outputs_attempts_and_summary() -> Outcome {
    let server = Server::start().await;
    let pipeline = "steps:\n  - id: build\n    run: |\n      echo version=1.2 >> $FLOWCD_OUTPUT\n      printf 'notes<<E\\none\\ntwo\\nE\\n' >> $FLOWCD_OUTPUT\n      printf '# Built\\n\\n\\033[31mred\\n' >> $FLOWCD_SUMMARY\n  - retry: 2\n    continue-on-error: true\n    run: exit 1\n";
    let _repo = server.app("demo", pipeline).await;
    let ended = server
        .run(&[
            "deploy",
            "acme/demo",
            "--ref",
            "main",
            "--debug",
            "--follow",
        ])
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("debug: "), "{ended:?}");
    let tasks = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    assert_eq!(tasks[0]["useDebug"], true, "{tasks}");
    let id = tasks[0]["id"].as_str().ok_or("an id")?;
    let shown = server.run(&["task", "show", id]).await;
    for part in [
        "\ndebug: ",
        "(attempt 3)",
        "\noutputs:\nbuild.version = 1.2\nbuild.notes = \"one\\ntwo\"\n",
        "\nsummary:\n# Built\n\n\u{fffd}[31mred\n",
    ] {
        assert!(shown.stdout.contains(part), "{part:?}: {shown:?}");
    }

    let again = server.run(&["redeploy", id, "--follow"]).await;
    assert!(!again.stdout.contains("debug: "), "{again:?}");
    let again = server.run(&["redeploy", id, "--debug", "--follow"]).await;
    assert!(again.stdout.contains("debug: "), "{again:?}");
    server.stop().await;
    Ok(())
}

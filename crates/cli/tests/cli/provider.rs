//! What an account on a Git host can see there.

use serde_json::json;

use crate::{
    Outcome, flowcd_at, run,
    stand_in::{StandIn, data},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn repositories_organizations_and_branches_are_listed() -> Outcome {
    let stand_in = StandIn::start(|_, request| {
        let path = request.target.split('?').next().unwrap_or_default();
        data(&match path {
            "/api/gitlab/branches" => json!([
                {"name": "main", "commit_sha": "0123456789abcdef0123456789abcdef01234567"},
            ]),
            "/api/gitlab/orgs" => json!([{"org": "acme/back", "id": "7"}]),
            "/api/gitlab/orgRepos" => json!([]),
            _ => json!([{
                "id": "42", "name": "hello", "owner": "acme", "url": "https://gitlab.com/acme/hello.git",
                "private": true, "description": "greets\u{1b}", "default_branch": "main", "disabled": true,
            }]),
        })
    })
    .await?;
    let list = |args: &[&str]| run(flowcd_at(&stand_in.url).arg("provider").args(args));
    insta::assert_snapshot!(list(&["repos", "gitlab"])?.stdout, @r"
    REPOSITORY  ID  PRIVATE  BRANCH  BOUND  URL                                DESCRIPTION
    acme/hello  42  yes      main    yes    https://gitlab.com/acme/hello.git  greets�
    ");
    insta::assert_snapshot!(list(&["orgs", "gitlab"])?.stdout, @r"
    ORGANIZATION  ID
    acme/back     7
    ");
    let branches = list(&[
        "branches",
        "gitlab",
        "acme/back/hello",
        "--host",
        "https://git.example.com",
    ])?;
    insta::assert_snapshot!(branches.stdout, @r"
    BRANCH  COMMIT
    main    01234567
    ");
    let none = list(&["repos", "gitlab", "--org", "acme"])?;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    assert!(none.stderr.contains("sees no repositories"), "{none:?}");
    assert_eq!(list(&["branches", "gitlab", "hello"])?.code, Some(2));
    let targets: Vec<String> = stand_in
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/api/gitlab/repos",
            "/api/gitlab/orgs",
            "/api/gitlab/branches?owner=acme%2Fback&repo=hello&url=https%3A%2F%2Fgit.example.com",
            "/api/gitlab/orgRepos?org=acme",
        ]
    );
    Ok(())
}

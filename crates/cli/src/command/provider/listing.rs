//! `flowcd provider repos`, `orgs` and `branches`: what your account on a Git host can see there.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::provider::{HostBranchQuery, HostOrganizationQuery, HostQuery, HostRepository};

use super::HostArgs;
use crate::{
    failure::Failure,
    output::{Printer, first_line},
    table::{short_commit, table, text},
};

/// The arguments of `flowcd provider repos`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowcd provider repos github\n  flowcd provider repos gitlab --org acme/backend"
)]
pub(crate) struct ReposArgs {
    #[command(flatten)]
    host: HostArgs,

    /// Those of this organization or group.
    #[arg(long)]
    org: Option<String>,
}

/// The arguments of `flowcd provider branches`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  flowcd provider branches github octocat/hello")]
pub(crate) struct BranchesArgs {
    #[command(flatten)]
    host: HostArgs,

    /// The repository: owner/repo.
    #[arg(value_name = "OWNER/REPO", value_parser = parse_repository)]
    repository: (String, String),
}

/// The name of a repository, whose owner may be groups within groups.
fn parse_repository(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('/') {
        Some((owner, repo)) if !owner.is_empty() && !repo.is_empty() => {
            Ok((owner.to_owned(), repo.to_owned()))
        }
        _ => Err("expected owner/repo".to_owned()),
    }
}

pub(super) async fn repos(
    client: &Client,
    printer: &Printer,
    args: ReposArgs,
) -> Result<(), Failure> {
    let provider = args.host.provider;
    let url = args.host.host;
    let repositories: Vec<HostRepository> = match args.org {
        Some(org) => {
            let query = HostOrganizationQuery { org, url };
            client
                .list_host_organization_repositories(provider, &query)
                .await?
        }
        None => {
            client
                .list_host_repositories(provider, &HostQuery { url })
                .await?
        }
    };
    printer.data(&repositories, || {
        if repositories.is_empty() {
            return String::new();
        }
        let rows = repositories.iter().map(|repository| {
            [
                text(format!("{}/{}", repository.owner, repository.name)),
                text(&repository.id),
                text(yes(repository.private)),
                text(or_dash(&repository.default_branch)),
                text(yes(repository.disabled)),
                text(&repository.url),
                text(first_line(&repository.description, 60)),
            ]
        });
        table(
            [
                "REPOSITORY",
                "ID",
                "PRIVATE",
                "BRANCH",
                "BOUND",
                "URL",
                "DESCRIPTION",
            ],
            rows,
        )
    })?;
    if repositories.is_empty() {
        printer.talk(&format!("your account on {provider} sees no repositories"));
    }
    Ok(())
}

pub(super) async fn organizations(
    client: &Client,
    printer: &Printer,
    args: HostArgs,
) -> Result<(), Failure> {
    let provider = args.provider;
    let query = HostQuery { url: args.host };
    let organizations = client.list_host_organizations(provider, &query).await?;
    printer.data(&organizations, || {
        if organizations.is_empty() {
            return String::new();
        }
        let rows = organizations
            .iter()
            .map(|organization| [text(&organization.org), text(&organization.id)]);
        table(["ORGANIZATION", "ID"], rows)
    })?;
    if organizations.is_empty() {
        printer.talk(&format!(
            "your account on {provider} belongs to no organizations"
        ));
    }
    Ok(())
}

pub(super) async fn branches(
    client: &Client,
    printer: &Printer,
    args: BranchesArgs,
) -> Result<(), Failure> {
    let (owner, repo) = args.repository;
    let query = HostBranchQuery {
        owner,
        repo,
        url: args.host.host,
    };
    let branches = client
        .list_host_branches(args.host.provider, &query)
        .await?;
    printer.data(&branches, || {
        if branches.is_empty() {
            return String::new();
        }
        let rows = branches
            .iter()
            .map(|branch| [text(&branch.name), text(short_commit(&branch.commit_sha))]);
        table(["BRANCH", "COMMIT"], rows)
    })?;
    if branches.is_empty() {
        printer.talk("the repository has no branches");
    }
    Ok(())
}

fn yes(is_so: bool) -> &'static str {
    match is_so {
        true => "yes",
        false => "no",
    }
}

fn or_dash(text: &str) -> &str {
    match text {
        "" => "-",
        text => text,
    }
}

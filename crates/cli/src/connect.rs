//! From the command line to a client: which server, which token, which application.

use std::time::Duration;

use flowcd_client::{Client, ClientBuilder};
use flowcd_model::{application::Application, id::AppId};
use secrecy::SecretString;
use url::Url;

use crate::{
    args::Global,
    failure::Failure,
    output::{Printer, clean},
    profile::{Profile, Profiles},
};

const USER_AGENT: &str = concat!("flowcd/", env!("CARGO_PKG_VERSION"));
const LOGIN_HINT: &str = "run `flowcd login`, or set FLOWCD_URL and FLOWCD_TOKEN";

/// A client that can call: it has an address and a token.
pub(crate) fn client(global: &Global, printer: &Printer) -> Result<Client, Failure> {
    let (url, token) = endpoint(global, printer)?;
    let Some(token) = token else {
        return Err(Failure::NotAuthenticated {
            message: format!("there is no token for `{}`", clean(&url)),
            hint: LOGIN_HINT,
        });
    };
    Ok(builder(&url)?.token(token).build()?)
}

/// A client without a token, where a server is known at all.
pub(crate) fn anonymous_client(
    global: &Global,
    printer: &Printer,
) -> Result<Option<Client>, Failure> {
    match endpoint(global, printer) {
        Ok((url, _)) => Ok(Some(
            builder(&url)?
                .retries(0)
                .request_timeout(Duration::from_secs(5))
                .build()?,
        )),
        Err(Failure::NotAuthenticated { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Starts to build a client that names itself.
pub(crate) fn builder(url: &str) -> Result<ClientBuilder, Failure> {
    Ok(Client::builder(url)?.user_agent(USER_AGENT))
}

/// The address and, where there is one for it, the token. What the command line and the environment say comes first.
fn endpoint(global: &Global, printer: &Printer) -> Result<(String, Option<SecretString>), Failure> {
    if let (Some(url), Some(token)) = (global.url(), global.token()) {
        return Ok((url.to_owned(), Some(token.clone())));
    }
    let profiles = Profiles::load(printer)?;
    let name = profiles.name(global.profile());
    let profile = profiles.profiles.get(name);
    if profile.is_none() && global.profile().is_some() {
        return Err(Failure::NotAuthenticated {
            message: format!("there is no profile `{}`", clean(name)),
            hint: "`flowcd login --profile NAME` makes one",
        });
    }
    let url = match global.url() {
        Some(url) => Some(url.to_owned()),
        None => profile.map(|profile| profile.url.clone()),
    };
    let Some(url) = url else {
        return Err(Failure::NotAuthenticated {
            message: "no server is known".to_owned(),
            hint: LOGIN_HINT,
        });
    };
    // A profile's token goes to the profile's server alone, whatever else is asked for.
    let profile = profile.filter(|profile| is_same_server(&profile.url, &url));
    let token = match global.token() {
        Some(token) => Some(token.clone()),
        None => profile.map(Profile::token),
    };
    Ok((url, token))
}

fn is_same_server(left: &str, right: &str) -> bool {
    match (Url::parse(left), Url::parse(right)) {
        (Ok(left), Ok(right)) => {
            left.origin() == right.origin()
                && left.path().trim_end_matches('/') == right.path().trim_end_matches('/')
        }
        _ => false,
    }
}

/// The application that `name` means: an id, or `owner/repo`.
pub(crate) async fn find_app(client: &Client, name: &str) -> Result<Application, Failure> {
    if !name.contains('/') {
        let app_id: AppId = name.parse().map_err(|_| {
            Failure::usage(format!(
                "`{}` is neither an application's id nor its owner/repo",
                clean(name)
            ))
        })?;
        return Ok(client.get_application(&app_id).await?);
    }
    let applications = client.list_applications().await?;
    let mut found: Vec<Application> = applications
        .into_iter()
        .filter(|application| repository(application) == name)
        .collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::NotFound {
            message: format!("there is no application `{}`", clean(name)),
            hint: "`flowcd app list` shows those there are",
        }),
        _ => {
            let ids: Vec<String> = found
                .iter()
                .map(|application| format!("{} ({})", application.id, application.provider))
                .collect();
            Err(Failure::usage_with_hint(
                format!(
                    "`{}` is the name of {} applications: {}",
                    clean(name),
                    ids.len(),
                    ids.join(", ")
                ),
                "use the id",
            ))
        }
    }
}

/// The application of whoever has only one.
pub(crate) async fn find_only_app(client: &Client) -> Result<Application, Failure> {
    let mut applications = client.list_applications().await?;
    match applications.len() {
        1 => Ok(applications.remove(0)),
        0 => Err(Failure::NotFound {
            message: "you have no application".to_owned(),
            hint: "make one with `flowcd app create --repo-url URL`",
        }),
        n_applications => Err(Failure::usage_with_hint(
            format!("you have {n_applications} applications; say which one is meant"),
            "`flowcd app list` shows them",
        )),
    }
}

/// The name of an application among people: `owner/repo`.
pub(crate) fn repository(application: &Application) -> String {
    format!("{}/{}", application.owner, application.repo_name)
}

#[cfg(test)]
mod tests {
    use super::is_same_server;

    #[test]
    fn a_token_goes_to_its_own_server_alone() {
        assert!(is_same_server(
            "https://cd.example.com",
            "https://cd.example.com:443/"
        ));
        assert!(is_same_server("https://a/flowcd", "https://a/flowcd/"));
        for other in [
            "http://cd.example.com",
            "https://cd.example.com:444",
            "https://cd.example.com.evil",
            "https://cd.example.com/other",
            "x",
        ] {
            assert!(!is_same_server("https://cd.example.com", other), "{other}");
        }
    }
}

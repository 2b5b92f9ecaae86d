//! Applications.

use flowcd_model::{
    application::{
        Application, ApplicationListQuery, ApplicationPatch, ApplicationQuery, ApplicationRef,
        CreatedApplication, Deleted, NewApplication,
    },
    envelope::Empty,
    id::AppId,
    pipeline::{PipelineInfo, PipelineQuery},
    repository::RepositoryRefs,
};
use reqwest::{
    Method,
    header::{HeaderMap, LINK},
};

use crate::{Client, Error, IdempotencyKey};

/// A part of the list of applications.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplicationPage {
    /// The applications.
    pub applications: Vec<Application>,
    /// What to send as `cursor` for the next part; absent at the end.
    pub next_cursor: Option<String>,
}

impl Client {
    /// All applications of the caller, the one that changed last first.
    pub async fn list_applications(&self) -> Result<Vec<Application>, Error> {
        let call = self.call(
            "list_applications",
            Method::GET,
            "/api/flow/application/list",
        );
        self.fetch(&call).await
    }

    /// A part of the applications of the caller.
    pub async fn list_applications_page(
        &self,
        query: &ApplicationListQuery,
    ) -> Result<ApplicationPage, Error> {
        let call = self.get("list_applications", "/api/flow/application/list", query);
        let response = self.send(&call).await?;
        let next_cursor = next_cursor(response.headers());
        Ok(ApplicationPage {
            applications: self.decode(&call, response).await?,
            next_cursor,
        })
    }

    /// One application.
    pub async fn get_application(&self, app_id: &AppId) -> Result<Application, Error> {
        let query = ApplicationQuery { id: app_id.clone() };
        let call = self.get("get_application", "/api/flow/application/detail", &query);
        self.fetch(&call).await
    }

    /// Makes an application. The answer holds the webhook's secret, which is not shown again.
    pub async fn create_application(
        &self,
        new: &NewApplication,
    ) -> Result<CreatedApplication, Error> {
        self.create_application_with_key(new, IdempotencyKey::generate())
            .await
    }

    /// As [`create_application`](Self::create_application), with a key that is kept across restarts of the caller.
    pub async fn create_application_with_key(
        &self,
        new: &NewApplication,
        key: IdempotencyKey,
    ) -> Result<CreatedApplication, Error> {
        let call = self
            .post("create_application", "/api/flow/application/create", new)
            .keyed(key);
        self.fetch(&call).await
    }

    /// Changes an application.
    pub async fn update_application(&self, patch: &ApplicationPatch) -> Result<(), Error> {
        let call = self.post("update_application", "/api/flow/application/update", patch);
        self.fetch::<Empty>(&call).await.map(drop)
    }

    /// Deletes an application with its tasks and their logs. One that is being deployed is not deleted.
    pub async fn delete_application(&self, app_id: &AppId) -> Result<Deleted, Error> {
        let mut call = self.call(
            "delete_application",
            Method::DELETE,
            "/api/flow/application/delete",
        );
        call.set_query(&ApplicationRef {
            app_id: app_id.clone(),
        });
        self.fetch(&call).await
    }

    /// The branches and tags of an application's repository.
    pub async fn list_refs(&self, app_id: &AppId) -> Result<RepositoryRefs, Error> {
        let query = ApplicationRef {
            app_id: app_id.clone(),
        };
        let call = self.get("list_refs", "/api/flow/application/refs", &query);
        self.fetch(&call).await
    }

    /// The inputs that an application's pipeline declares, where the server knows them.
    pub async fn get_pipeline(&self, query: &PipelineQuery) -> Result<PipelineInfo, Error> {
        let call = self.get("get_pipeline", "/api/flow/application/pipeline", query);
        self.fetch(&call).await
    }
}

/// The cursor of `Link: <..?cursor=..>; rel="next"`. Only the cursor is taken, so the link cannot lead elsewhere.
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let links = headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    links.flat_map(|links| links.split(", <")).find_map(|link| {
        let (target, parameters) = link.trim_start_matches('<').split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        if !is_next {
            return None;
        }
        let (_, query) = target.split_once('?')?;
        let cursor = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "cursor")?
            .1;
        Some(cursor.into_owned())
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, LINK};

    use super::next_cursor;

    #[test]
    fn the_next_cursor_is_found_among_links() {
        for (link, expected) in [
            (
                r#"</api/flow/application/list?limit=2&cursor=a%2Bb>; rel="next""#,
                Some("a+b"),
            ),
            (
                r#"</first>; rel="first", </list?cursor=x>; rel="next""#,
                Some("x"),
            ),
            (r#"</list?cursor=x>; rel="prev""#, None),
            ("nonsense", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_static(link));
            assert_eq!(next_cursor(&headers).as_deref(), expected, "{link}");
        }
    }
}

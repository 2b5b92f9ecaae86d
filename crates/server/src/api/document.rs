//! The API's description, made from the route table.
//!
//! What is the same for every operation (who may call it, how it fails) is added here once, so that a new operation
//! cannot forget it.

use std::collections::BTreeMap;

use bytes::Bytes;
use flowcd_model::envelope::{Code, Problem};
use utoipa::{
    OpenApi as _, ToSchema,
    openapi::{
        Components, OpenApi, Ref, RefOr, ResponseBuilder,
        header::HeaderBuilder,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};
use utoipa_actix_web::scope;

/// The operations that take an `Idempotency-Key`.
const IDEMPOTENT: &[&str] = &["create_application", "dispatch_task", "redeploy_task"];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "flowcd",
        description = "The API of flowcd, a self-hosted continuous-deployment server.\n\n\
            **Callers** send a token in the header `cd_token`; where a proxy drops headers with an underscore, in \
            `cd-token` or as `Authorization: Bearer`. A browser logs in and has a session instead.\n\n\
            **Answers** come as `{\"success\": true, \"data\": ..}`, failures as `{\"success\": false, \"code\": \
            \"NotFound\", \"message\": \"..\", \"requestId\": \"..\"}` with the HTTP status of the code. Whatever is \
            somebody else's is answered as if it did not exist.\n\n\
            **Paths**: every path under `/api/flow` works under `/api`, too, and the other way round: \
            `/api/application/list` is `/api/flow/application/list`. Only one of the two is described here.\n\n\
            **Times** are whole milliseconds since 1970-01-01T00:00:00Z. Fields that have no value are absent.\n\n\
            **Every request** may carry an `X-Request-Id`; the answer and the server's log have it, or one made for it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "application", description = "Repositories bound to a trigger and secrets."),
        (name = "dispatch", description = "Starting, repeating and cancelling deployments."),
        (name = "delivery", description = "What came in from Git hosts, and what was made of it."),
        (name = "task", description = "Deployments and their logs."),
        (name = "tokens", description = "What third parties call with."),
        (name = "user", description = "The caller: sessions, secrets, tokens for Git hosts."),
        (name = "users", description = "All users, for administrators."),
        (name = "provider", description = "What your accounts on Git hosts can see there."),
        (name = "system", description = "The server itself.")
    ),
    components(schemas(Problem))
)]
struct Description;

/// The API's description.
pub fn openapi() -> OpenApi {
    use utoipa_actix_web::AppExt;

    let (_, mut document) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Description::openapi())
        .service(scope("/api/flow").configure(|table| super::flow(table)))
        .service(scope("/api").configure(|table| super::account(table)))
        .configure(|table| super::system(table))
        .split_for_parts();
    document.info.version = crate::version::VERSION.to_owned();
    let components = document.components.get_or_insert_with(Components::new);
    add_security_schemes(components);
    add_failures(components);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            complete(path, operation);
        }
    }
    document
}

/// The operations that may be about something absent.
const ABOUT_SOMETHING: &[&str] = &[
    "get_application",
    "update_application",
    "delete_application",
    "list_refs",
    "get_pipeline",
    "dispatch_task",
    "redeploy_task",
    "cancel_task",
    "list_tasks",
    "get_task",
    "remove_task",
    "receive_webhook",
    "receive_webhook_by_query",
    "list_deliveries",
    "get_delivery",
    "replay_delivery",
    "explain_trigger",
    "get_log",
    "get_log_times",
    "follow_task",
    "update_token",
    "delete_token",
    "update_user",
    "list_host_repositories",
    "list_host_organizations",
    "list_host_organization_repositories",
    "list_host_branches",
];
/// The operations that may not fit the present state.
const ABOUT_STATE: &[&str] = &[
    "create_application",
    "delete_application",
    "dispatch_task",
    "redeploy_task",
    "cancel_task",
    "remove_task",
    "create_user",
    "update_user",
];
/// The operations for administrators.
const FOR_ADMINS: &[&str] = &["list_users", "create_user", "update_user"];
/// The operations that may be asked for too often: what tries a password, and what a Git host answers.
const LIMITED: &[&str] = &[
    "login",
    "change_password",
    "update_provider_token",
    "list_host_repositories",
    "list_host_organizations",
    "list_host_organization_repositories",
    "list_host_branches",
];
/// The operations that look at nothing that could fail.
const SURE: &[&str] = &["get_health", "get_version", "get_openapi"];

/// Every kind of failure, with what a reader is told of it.
const FAILURES: &[(Code, &str, &str)] = &[
    (
        Code::ParamsInvalid,
        "The request is malformed, or a field is missing or of the wrong type.",
        "`appId`: it is missing",
    ),
    (
        Code::NeedLogin,
        "No credentials, or they are unknown, expired or disabled.",
        "token 不存在 (unknown token)",
    ),
    (
        Code::NoPermission,
        "The session did not send its `X-CSRF-Token`, another site sent the request, or it is for administrators.",
        "requests from other sites are refused",
    ),
    (
        Code::NotFound,
        "It does not exist, or it is not yours to know about.",
        "there is no task `lam3k2o9deadbeef`",
    ),
    (
        Code::Conflict,
        "It does not fit the present state; with `Retry-After`, the same request will be answered later.",
        "the task has not ended; cancel it and wait for its end",
    ),
    (
        Code::TooLarge,
        "The body is longer than 1 MiB.",
        "the body is longer than 1048576 bytes",
    ),
    (
        Code::UnsupportedMediaType,
        "The body is neither JSON nor a form.",
        "send the body as `Content-Type: application/json`",
    ),
    (
        Code::Invalid,
        "It is well-formed, but breaks a rule; `field` says where.",
        "`ref`: a ref is the full name of a branch or a tag: `refs/heads/..` or `refs/tags/..`",
    ),
    (
        Code::TooManyRequests,
        "Too many attempts, here or by your account on a Git host; `Retry-After` says when to come back.",
        "too many attempts with a password; try again in 6 s",
    ),
    (
        Code::SystemError,
        "Our fault: the server's log has the cause under the `requestId`.",
        "the server failed; its log has the cause under this request's id",
    ),
    (
        Code::Unavailable,
        "The server is stopping, or something it needs, as a database or a Git host, cannot be reached; `Retry-After` says when to come back.",
        "the database cannot be reached; try again",
    ),
];

fn add_security_schemes(components: &mut Components) {
    let key = |name, description| ApiKeyValue::with_description(name, description);
    components.add_security_scheme(
        "cd_token",
        SecurityScheme::ApiKey(ApiKey::Header(key(
            "cd_token",
            "A token made by `POST /api/tokens/create`.",
        ))),
    );
    components.add_security_scheme(
        "cd_token_dashed",
        SecurityScheme::ApiKey(ApiKey::Header(key(
            "cd-token",
            "The same, where a proxy drops the underscore.",
        ))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(key(
            crate::auth::COOKIE,
            "A session begun by `POST /api/auth/account/login`. What changes something needs the header `X-CSRF-Token`, too.",
        ))),
    );
}

fn add_failures(components: &mut Components) {
    for (code, description, message) in FAILURES {
        let example = serde_json::json!({
            "success": false, "code": code, "message": message, "requestId": "Vx0ZcR7kQ2nB5tYw8LsJ"
        });
        let content = utoipa::openapi::ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Problem::name())))
            .example(Some(example))
            .build();
        let mut response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", content);
        if matches!(
            code,
            Code::TooManyRequests | Code::Unavailable | Code::Conflict
        ) {
            let seconds = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::Integer)))
                .description(Some("Seconds to wait."))
                .build();
            response = response.header("Retry-After", seconds);
        }
        components
            .responses
            .insert(code.to_string(), response.build().into());
    }
}

/// Adds what follows from where and what an operation is.
fn complete(path: &str, operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let id = id.as_str();
    let is_of_api = path.starts_with("/api/");
    let is_open = operation.security.is_some();
    if is_of_api && !is_open {
        operation.security = Some(
            ["cd_token", "cd_token_dashed", "bearer", "session"]
                .map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []))
                .to_vec(),
        );
    }
    if IDEMPOTENT.contains(&id) {
        add_idempotency(operation);
    }
    let has_body = operation.request_body.is_some();
    let has_input = has_body
        || operation
            .parameters
            .as_ref()
            .is_some_and(|it| !it.is_empty());
    let is_change = has_body || path.ends_with("/delete") || path.ends_with("/loginout");
    for (code, applies) in [
        (Code::ParamsInvalid, has_input),
        (Code::NeedLogin, is_of_api),
        (
            Code::NoPermission,
            is_of_api && (is_change || FOR_ADMINS.contains(&id)),
        ),
        (Code::NotFound, ABOUT_SOMETHING.contains(&id)),
        (Code::Conflict, ABOUT_STATE.contains(&id)),
        (Code::TooLarge, has_body),
        (Code::UnsupportedMediaType, has_body),
        (Code::Invalid, has_input),
        (Code::TooManyRequests, LIMITED.contains(&id)),
        (Code::SystemError, !SURE.contains(&id)),
        (Code::Unavailable, !SURE.contains(&id)),
    ] {
        if applies {
            let reference = Ref::new(format!("#/components/responses/{code}"));
            operation
                .responses
                .responses
                .insert(code.status().to_string(), RefOr::Ref(reference));
        }
    }
}

fn add_idempotency(operation: &mut Operation) {
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Any text of 1 to 255 visible ASCII characters. A request with the same key and body is done once, however \
             often it is sent within 24 hours; its repetitions get the first answer. The key with another body is 422, \
             and 409 with a `Retry-After` while the first request is being worked on.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[!-~]{1,255}$")),
        ))
        .build();
    operation
        .parameters
        .get_or_insert_with(Vec::new)
        .push(parameter.into());
    let header = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
        .description(Some(
            "`true` when this is the answer of an earlier request with the same key.",
        ))
        .build();
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        response
            .headers
            .insert("Idempotent-Replayed".to_owned(), header.into());
    }
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// The description as it is sent.
pub(crate) struct Text(pub(crate) Bytes);

impl Text {
    pub(crate) fn new(document: &OpenApi) -> serde_json::Result<Self> {
        Ok(Self(document.to_json()?.into()))
    }
}

/// Which methods each path takes, for telling 404 from 405.
pub(crate) struct Allowed(BTreeMap<String, String>);

impl Allowed {
    pub(crate) fn new(document: &OpenApi) -> Self {
        let methods = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("DELETE", &item.delete),
            ];
            let methods = methods.iter().filter(|(_, operation)| operation.is_some());
            let methods: Vec<_> = methods.map(|(name, _)| *name).collect();
            (canonical(path).to_owned(), methods.join(", "))
        });
        Self(methods.collect())
    }

    /// The methods that `path` takes; `None` when there is nothing.
    pub(crate) fn methods(&self, path: &str) -> Option<String> {
        let under = canonical(path);
        let exact = self.0.get(under);
        exact
            .or_else(|| {
                // Only the API has paths with parameters.
                let mut templates = self.0.iter().filter(|_| under.len() < path.len());
                templates
                    .find(|(template, _)| is_instance(under, template))
                    .map(|(_, methods)| methods)
            })
            .cloned()
    }
}

/// Whether a path is what a template with parameters (`/hooks/{appId}`) stands for.
fn is_instance(path: &str, template: &str) -> bool {
    let (mut parts, mut expected) = (path.split('/'), template.split('/'));
    loop {
        match (parts.next(), expected.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) if name.starts_with('{') && !part.is_empty() => {}
            (Some(part), Some(name)) if part == name => {}
            _ => return false,
        }
    }
}

/// A path and its alias are one.
fn canonical(path: &str) -> &str {
    path.strip_prefix("/api/flow")
        .or_else(|| path.strip_prefix("/api"))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::openapi::RefOr;

    use super::{
        ABOUT_SOMETHING, ABOUT_STATE, Allowed, FOR_ADMINS, IDEMPOTENT, LIMITED, SURE, openapi,
        operations,
    };

    #[test]
    fn every_operation_is_described_whole() {
        let mut ids = BTreeSet::new();
        let mut document = openapi();
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                let id = operation.operation_id.clone().expect("an id");
                assert!(operation.summary.is_some(), "{id} has no summary");
                assert_eq!(
                    operation.tags.as_ref().map(Vec::len),
                    Some(1),
                    "{id} has not one tag"
                );
                assert!(
                    operation.security.is_some(),
                    "{id} does not say who may call it"
                );
                if let Some(RefOr::T(body)) = &operation.request_body {
                    for (media_type, content) in &body.content {
                        let RefOr::T(content) = content else {
                            continue;
                        };
                        assert!(
                            content.example.is_some(),
                            "{id} has no example of its {media_type}"
                        );
                    }
                }
                assert!(
                    operation.responses.responses.contains_key("200"),
                    "{id} never works"
                );
                let may_fail = operation.responses.responses.contains_key("500");
                assert_eq!(may_fail, !SURE.contains(&id.as_str()), "{id}");
                assert!(ids.insert(id.clone()), "{id} is there twice, at {path}");
            }
        }
        for id in [
            IDEMPOTENT,
            ABOUT_SOMETHING,
            ABOUT_STATE,
            FOR_ADMINS,
            LIMITED,
            SURE,
        ]
        .concat()
        {
            assert!(ids.contains(id), "there is no operation {id}");
        }
    }

    #[test]
    fn references_lead_somewhere() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let mut left = vec![&document];
        while let Some(value) = left.pop() {
            if let Some(reference) = value.get("$ref").and_then(|it| it.as_str()) {
                let pointer = reference.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            match value {
                serde_json::Value::Array(values) => left.extend(values),
                serde_json::Value::Object(values) => left.extend(values.values()),
                _ => {}
            }
        }
    }

    #[test]
    fn a_path_and_its_alias_take_the_same_methods() {
        let allowed = Allowed::new(&openapi());
        for (path, methods) in [
            ("/api/flow/application/list", Some("GET, POST")),
            ("/api/application/list", Some("GET, POST")),
            ("/api/flow/tokens/create", Some("POST")),
            ("/healthz", Some("GET")),
            ("/api/hooks/lam3k2o9c0ffee42", Some("POST")),
            ("/hooks/lam3k2o9c0ffee42", None),
            ("/api/hooks/", None),
            ("/api/hooks/a/b", None),
            ("/api/github/repos", Some("GET")),
            ("/api/flow/nothing", None),
            ("/", None),
        ] {
            assert_eq!(allowed.methods(path).as_deref(), methods, "{path}");
        }
    }
}

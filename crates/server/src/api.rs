//! HTTP: the route table, and what stands around every operation.

pub(crate) mod answer;
mod application;
mod delivery;
mod dispatch;
mod document;
mod extract;
mod form;
mod frame;
mod log;
mod provider;
mod system;
mod task;
mod token;
mod trigger;
mod unread;
mod user;

use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Compress, from_fn},
    web::{self, Data},
};
use utoipa_actix_web::{OpenApiFactory, service_config::ServiceConfig};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    auth::authenticate,
    console::{self, Console},
    metrics::Metrics,
    state::AppState,
};

pub use document::openapi;

/// What operations are put into: the server's own table, or the one that the description is made from as well. The
/// description of all operations takes megabytes while it is made, so the worker threads leave it out.
trait Table {
    fn service<F>(&mut self, operation: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static;
}

impl Table for web::ServiceConfig {
    fn service<F>(&mut self, operation: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        web::ServiceConfig::service(self, operation)
    }
}

impl Table for ServiceConfig<'_> {
    fn service<F>(&mut self, operation: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        ServiceConfig::service(self, operation)
    }
}

/// Deployments: described under `/api/flow`.
fn flow(table: &mut impl Table) {
    table
        .service(application::list_applications)
        .service(application::list_applications_by_post)
        .service(application::get_application)
        .service(application::create_application)
        .service(application::update_application)
        .service(application::delete_application)
        .service(application::list_refs)
        .service(application::get_pipeline)
        .service(dispatch::dispatch_task)
        .service(dispatch::redeploy_task)
        .service(dispatch::cancel_task)
        .service(task::list_tasks)
        .service(task::get_task)
        .service(task::remove_task)
        .service(delivery::list_deliveries)
        .service(delivery::get_delivery)
        .service(delivery::replay_delivery)
        .service(delivery::explain_trigger)
        .service(trigger::convert_trigger)
        .service(log::get_log)
        .service(log::get_log_times)
        .service(log::follow_task);
}

/// Callers: described under `/api`.
fn account(table: &mut impl Table) {
    table
        .service(delivery::receive_webhook)
        .service(delivery::receive_webhook_by_query)
        .service(token::list_tokens)
        .service(token::create_token)
        .service(token::update_token)
        .service(token::delete_token)
        .service(user::login)
        .service(user::logout)
        .service(user::change_password)
        .service(user::get_user_info)
        .service(user::list_user_secrets)
        .service(user::update_user_secrets)
        .service(user::update_provider_token)
        .service(user::list_users)
        .service(user::create_user)
        .service(user::update_user)
        .service(provider::list_host_repositories)
        .service(provider::list_host_organizations)
        .service(provider::list_host_organization_repositories)
        .service(provider::list_host_branches);
}

/// The server itself: at the root.
fn system(table: &mut impl Table) {
    table
        .service(system::get_health)
        .service(system::get_readiness)
        .service(system::get_version)
        .service(system::get_metrics)
        .service(system::get_openapi);
}

/// Everything under `/api`, which is the same under `/api/flow`.
fn both(config: &mut web::ServiceConfig) {
    flow(config);
    account(config);
}

/// The console: one page at many paths, and the files that it loads.
fn pages(config: &mut web::ServiceConfig) {
    for path in console::PAGES {
        config.route(path, web::get().to(console::get_page));
        config.route(path, web::head().to(console::get_page));
    }
    config.route(console::ASSETS, web::get().to(console::get_asset));
}

/// What all worker threads share, made once.
#[derive(Clone)]
pub(crate) struct Shared {
    state: Data<AppState>,
    metrics: Data<Metrics>,
    allowed: Data<document::Allowed>,
    document: Data<document::Text>,
    console: Data<Console>,
}

impl Shared {
    pub(crate) fn new(state: AppState) -> serde_json::Result<Self> {
        let document = openapi();
        Ok(Self {
            metrics: Data::new(state.metrics.clone()),
            state: Data::new(state),
            allowed: Data::new(document::Allowed::new(&document)),
            document: Data::new(document::Text::new(&document)?),
            console: Data::new(Console::new()),
        })
    }
}

/// The whole HTTP side; each worker thread makes one.
pub(crate) fn app(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let docs = SwaggerUi::new("/docs/{_:.*}")
        .config(utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none"));
    App::new()
        .app_data(shared.metrics)
        .app_data(shared.state)
        .app_data(shared.allowed)
        .app_data(shared.document)
        .app_data(shared.console)
        .service(
            web::scope("/api/flow")
                .configure(both)
                .wrap(from_fn(authenticate)),
        )
        .service(
            web::scope("/api")
                .configure(both)
                .wrap(from_fn(authenticate)),
        )
        .configure(system)
        .route("/docs", web::get().to(system::go_to_docs))
        .service(docs)
        .configure(pages)
        .default_service(web::to(system::refuse))
        .wrap(Compress::default())
        .wrap(from_fn(frame::frame))
}

//! `trigger/convert`

use actix_web::{HttpResponse, post};
use flowcd_model::{
    envelope::Reply,
    trigger::{ConvertedTrigger, TriggerConversion},
};

use super::{answer::reply, extract::Body};
use crate::{auth::Caller, error::Result, service};

/// Read a trigger from YAML, or write it as YAML
///
/// Send a text, YAML or JSON, or the trigger itself. What is wrong with a text is told with its line and its column,
/// and with the rule's path where the text can be read. What the rules say is not judged, and nothing is kept.
#[utoipa::path(
    tag = "delivery",
    request_body(content = TriggerConversion, example = json!({
        "text": "github:\n  push:\n    branches: {precise: [main]}\n"
    })),
    responses((
        status = 200,
        description = "The trigger in both forms.",
        body = Reply<ConvertedTrigger>,
        example = json!({"success": true, "data": {
            "triggerSpec": {"github": {"push": {"branches": {"precise": ["main"]}}}},
            "yaml": "github:\n  push:\n    branches:\n      precise:\n      - main\n"
        }})
    ))
)]
#[post("/trigger/convert")]
pub(crate) async fn convert_trigger(
    _caller: Caller,
    body: Body<TriggerConversion>,
) -> Result<HttpResponse> {
    let converted = service::trigger::convert_trigger(body.value)?;
    Ok(reply(converted))
}

//! Deliveries: what came in that could start a deployment, again and in advance.

use flowcd_model::{
    delivery::{
        Delivered, Delivery, DeliveryPage, DeliveryQuery, DeliveryRef, Explain, Explanation, Replay,
    },
    id::DeliveryId,
    trigger::{ConvertedTrigger, TriggerConversion},
};
use futures_util::Stream;

use crate::{
    Client, Error,
    page::{PAGE_SIZE, stream_parts},
};

impl Client {
    /// A part of an application's deliveries, newest first, without headers and bodies.
    pub async fn list_deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, Error> {
        let call = self.get("list_deliveries", "/api/flow/deliveries/list", query);
        self.fetch(&call).await
    }

    /// All of an application's deliveries from `query`'s cursor on, newest first, read page by page as they are taken.
    ///
    /// It ends after the first error.
    pub fn stream_deliveries(
        &self,
        query: &DeliveryQuery,
    ) -> impl Stream<Item = Result<Delivery, Error>> + Send + Unpin + use<> {
        let client = self.clone();
        let mut query = query.clone();
        query.limit.get_or_insert(PAGE_SIZE);
        stream_parts(query.cursor.take(), move |cursor| {
            let client = client.clone();
            let query = DeliveryQuery {
                cursor,
                ..query.clone()
            };
            async move {
                let page = client.list_deliveries(&query).await?;
                Ok((page.result, page.next_cursor))
            }
        })
    }

    /// One delivery, with its headers and its body.
    pub async fn get_delivery(&self, delivery_id: &DeliveryId) -> Result<Delivery, Error> {
        let query = DeliveryRef {
            delivery_id: delivery_id.clone(),
        };
        let call = self.get("get_delivery", "/api/flow/deliveries/get", &query);
        self.fetch(&call).await
    }

    /// Takes a stored delivery again, by the rules of today, or a payload as if the host had sent it.
    ///
    /// It is not sent twice, because a stored delivery deploys each time that it is replayed.
    pub async fn replay_delivery(&self, replay: &Replay) -> Result<Delivered, Error> {
        let call = self.post("replay_delivery", "/api/flow/deliveries/replay", replay);
        self.fetch(&call).await
    }

    /// What would become of a payload or of a stored delivery, and why. Nothing is kept.
    pub async fn explain_trigger(&self, explain: &Explain) -> Result<Explanation, Error> {
        let mut call = self.post("explain_trigger", "/api/flow/trigger/explain", explain);
        // It is a POST only because a payload fits into no query: it changes nothing and may be asked again.
        call.is_safe = true;
        self.fetch(&call).await
    }

    /// A trigger read from a text, or written as one. Nothing is kept.
    pub async fn convert_trigger(
        &self,
        conversion: &TriggerConversion,
    ) -> Result<ConvertedTrigger, Error> {
        let mut call = self.post("convert_trigger", "/api/flow/trigger/convert", conversion);
        // A text may be long, so it is a POST; it changes nothing and may be asked again.
        call.is_safe = true;
        self.fetch(&call).await
    }
}

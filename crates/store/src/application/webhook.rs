//! What webhooks are signed with. It is sealed, and the trigger shows `***` in its place.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{application::Provider, id::AppId, trigger::TriggerSpec};
use secrecy::{ExposeSecret, SecretString};

use super::ApplicationRow;
use crate::{
    Keyring, Result, Store, WebhookTarget,
    conn::{Conn, on_backend},
    row::{RowId, to_json},
    schema::applications,
    seal::Aad,
};

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// What the webhooks of an application are signed with, by provider.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecrets(pub BTreeMap<Provider, WebhookSecret>);

/// What a provider signs webhooks with.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecret {
    /// The key of a signature, or a token.
    pub secret: Option<SecretString>,
    /// Gitee's password.
    pub password: Option<SecretString>,
}

/// Where they are sealed.
pub(super) fn webhook_aad(id: &str) -> Aad<'_> {
    Aad {
        table: "applications",
        row: id,
        name: "webhook_box",
    }
}

fn secret_key(provider: Provider) -> String {
    format!("{provider}.secret")
}

fn password_key(provider: Provider) -> String {
    format!("{provider}.password")
}

impl WebhookSecrets {
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        for (provider, secret) in &self.0 {
            if let Some(value) = &secret.secret {
                map.insert(secret_key(*provider), value.expose_secret().to_owned());
            }
            if let Some(value) = &secret.password {
                map.insert(password_key(*provider), value.expose_secret().to_owned());
            }
        }
        map
    }

    fn from_map(mut map: BTreeMap<String, String>) -> Self {
        let mut secrets = BTreeMap::new();
        for provider in Provider::ALL {
            let secret = map.remove(&secret_key(provider)).map(SecretString::from);
            let password = map.remove(&password_key(provider)).map(SecretString::from);
            if secret.is_some() || password.is_some() {
                secrets.insert(provider, WebhookSecret { secret, password });
            }
        }
        Self(secrets)
    }
}

/// The trigger as it is kept and shown: with `***` where there is a secret.
pub(super) fn hide_secrets(spec: &TriggerSpec, secrets: &BTreeMap<String, String>) -> TriggerSpec {
    let hidden = |key: String| secrets.contains_key(&key).then(|| HIDDEN.to_owned());
    let mut shown = spec.clone();
    for (provider, trigger) in &mut shown.0 {
        trigger.secret = hidden(secret_key(*provider));
        trigger.password = hidden(password_key(*provider));
    }
    shown
}

/// Takes from a new trigger the secrets that its providers do not have yet: a stored one stays, because it is
/// installed with the repository's webhook.
pub(super) fn adopt_secrets(spec: &TriggerSpec, secrets: &mut BTreeMap<String, String>) {
    for (provider, trigger) in &spec.0 {
        let (secret, password) = (secret_key(*provider), password_key(*provider));
        if secrets.contains_key(&secret) || secrets.contains_key(&password) {
            continue;
        }
        for (key, value) in [(secret, &trigger.secret), (password, &trigger.password)] {
            match value {
                Some(value) if !value.is_empty() && value != HIDDEN => {
                    secrets.insert(key, value.clone());
                }
                _ => {}
            }
        }
    }
}

/// Replaces what the webhooks of an application are signed with, and shows in its trigger that there is something.
pub(super) fn replace_secret(
    conn: &mut Conn,
    keyring: &Keyring,
    id: &AppId,
    secret: &str,
) -> Result<()> {
    let target = applications::table.find(id.as_str());
    let (provider, spec): (String, String) = on_backend!(conn, |conn| target
        .select((applications::provider, applications::trigger_spec))
        .first(conn))?;
    let row = RowId {
        table: "applications",
        id: id.as_str(),
    };
    let provider: Provider = row.name("provider", &provider)?;
    let spec: TriggerSpec = row.json("trigger_spec", &spec)?;
    let secrets = [(secret_key(provider), secret.to_owned())].into();
    let sealed = keyring.seal_map(&secrets, &webhook_aad(id.as_str()))?;
    let spec = to_json("trigger_spec", &hide_secrets(&spec, &secrets))?;
    on_backend!(conn, |conn| diesel::update(target)
        .set((
            applications::webhook_box.eq(Some(&sealed)),
            applications::trigger_spec.eq(&spec),
        ))
        .execute(conn))?;
    Ok(())
}

/// What the receiver of an application's webhooks needs to know.
pub(crate) fn webhook_target_of(
    conn: &mut Conn,
    keyring: &Keyring,
    id: &AppId,
) -> Result<Option<WebhookTarget>> {
    let found: Option<(ApplicationRow, Option<Vec<u8>>)> =
        on_backend!(conn, |conn| applications::table
            .find(id.as_str())
            .select((ApplicationRow::as_select(), applications::webhook_box))
            .first(conn)
            .optional())?;
    let Some((row, sealed)) = found else {
        return Ok(None);
    };
    let application = row.read()?;
    let map = keyring.open_map(sealed.as_deref(), &webhook_aad(id.as_str()))?;
    let secret = WebhookSecrets::from_map(map)
        .0
        .remove(&application.provider);
    Ok(Some(WebhookTarget {
        application,
        secret: secret.unwrap_or_default(),
    }))
}

impl Store {
    /// What the webhooks of an application are signed with; `None` when there is no such application.
    pub async fn webhook_secrets(&self, id: &AppId) -> Result<Option<WebhookSecrets>> {
        let id = id.clone();
        let keyring = self.inner.keyring.clone();
        self.read(move |conn| {
            let sealed: Option<Option<Vec<u8>>> = on_backend!(conn, |conn| applications::table
                .find(id.as_str())
                .select(applications::webhook_box)
                .first(conn)
                .optional())?;
            let Some(sealed) = sealed else {
                return Ok(None);
            };
            let map = keyring.open_map(sealed.as_deref(), &webhook_aad(id.as_str()))?;
            Ok(Some(WebhookSecrets::from_map(map)))
        })
        .await
    }
}

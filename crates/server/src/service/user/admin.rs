//! What administrators do with users, through the API.
//!
//! They may do less than the operator on the machine: none can shut himself out, and one of them always stays.

use flowcd_model::user::{NewUser, User, UserPatch};
use flowcd_store::UserUpdate;
use tracing::info;

use super::nobody;
use crate::{
    auth::Caller,
    config,
    error::{Error, Result},
    state::AppState,
};

/// The caller, if he is an administrator. Asked anew each time, so that whoever is demoted is none from then on.
async fn administrator(state: &AppState, caller: &Caller) -> Result<User> {
    let user = state.store.user(&caller.user_id).await?;
    let user = user.ok_or_else(nobody)?;
    match user.is_admin {
        true => Ok(user),
        false => Err(Error::no_permission(
            "无权操作 (only administrators see and change users)",
        )),
    }
}

/// All users, by name.
pub(crate) async fn list_users(state: &AppState, caller: &Caller) -> Result<Vec<User>> {
    administrator(state, caller).await?;
    Ok(state.store.list_users().await?)
}

/// Makes a user.
pub(crate) async fn create_user(state: &AppState, caller: &Caller, new: NewUser) -> Result<User> {
    let admin = administrator(state, caller).await?;
    let password =
        config::password(new.password).map_err(|problem| Error::invalid("password", problem))?;
    let user = {
        let _permit = state.logins.hashing.acquire().await;
        match new.is_admin {
            true => super::create_admin(&state.store, &new.username, &password).await?,
            false => super::create_user(&state.store, &new.username, &password).await?,
        }
    };
    info!(user.id = %admin.id, "`{}` made the user `{}` ({})", admin.username, user.username, user.id);
    Ok(user)
}

/// Changes a user.
pub(crate) async fn update_user(state: &AppState, caller: &Caller, patch: UserPatch) -> Result<()> {
    let admin = administrator(state, caller).await?;
    check_patch(&admin, &patch)?;
    let id = patch.id.clone();
    let update = match patch.password {
        Some(_) => {
            let _permit = state.logins.hashing.acquire().await;
            state.store.update_user(patch).await?
        }
        None => state.store.update_user(patch).await?,
    };
    match update {
        UserUpdate::Updated(user) => {
            info!(user.id = %admin.id, "`{}` changed the user `{}` ({id})", admin.username, user.username);
            Ok(())
        }
        UserUpdate::Absent => Err(Error::not_found(format!(
            "用户不存在 (there is no user `{id}`)"
        ))),
        UserUpdate::LastAdmin => Err(Error::conflict(
            "it is the last administrator who may log in; make another one first",
        )),
    }
}

fn check_patch(admin: &User, patch: &UserPatch) -> Result<()> {
    if let Some(password) = &patch.password {
        config::password(password.clone())
            .map_err(|problem| Error::invalid("password", problem))?;
    }
    if patch.id != admin.id {
        return Ok(());
    }
    if patch.is_disabled == Some(true) {
        return Err(Error::invalid(
            "isDisabled",
            "nobody disables himself; ask another administrator",
        ));
    }
    if patch.is_admin == Some(false) {
        return Err(Error::invalid(
            "isAdmin",
            "nobody demotes himself; ask another administrator",
        ));
    }
    if patch.password.is_some() {
        return Err(Error::invalid(
            "password",
            "change your own by `POST user/changePassword`, which asks for the present one",
        ));
    }
    Ok(())
}

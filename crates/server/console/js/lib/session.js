/**
 * The session of the browser: who is signed in, and what happens when the session ends.
 */

import { sessionDialog } from '../components/sign-in-form.js';
import { ApiError, onSessionEnd, signOut, userInfo } from './api.js';
import { Signal } from './signal.js';

/** Tells the user, or `null` when nobody is signed in any more. */
export const userChanged = new Signal();

let user = null;

/** @returns {?Object} who is signed in */
export function currentUser() {
  return user;
}

/**
 * Finds out who is signed in.
 *
 * @returns {Promise<?Object>} `null` when nobody is
 */
export async function startSession() {
  onSessionEnd(async () => {
    // Without a user there is nothing to go on with: the page to sign in comes anyway.
    await sessionDialog(user?.username ?? '');
    setUser(await userInfo({ isAsking: false }));
  });
  try {
    setUser(await userInfo({ isAsking: false }));
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
  }
  return user;
}

/** Reads anew who is signed in: after signing in, and after a change of the account. */
export async function reloadUser() {
  setUser(await userInfo());
}

/** Ends the session. */
export async function endSession() {
  await signOut();
  setUser(null);
}

function setUser(value) {
  user = value;
  userChanged.emit(user);
}

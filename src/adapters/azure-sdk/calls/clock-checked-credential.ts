import type { TokenCredential } from "@azure/identity";
import type { Clock } from "../../../ports/clock.ts";

/**
 * By how much a clock may be set back without an effect, in milliseconds: tokens are renewed two minutes
 * before their end.
 */
const SET_BACK_MAX_MS = 60_000;

/**
 * Replaces a credential, and the tokens that it keeps, once the clock was set back. The SDK dates the end of
 * a token by the clock: where that was ahead, it would answer a token that has ended, and which Azure
 * refuses, until the clock comes to that time. Creates the first one at once; sends nothing yet.
 */
export function createClockCheckedCredential(create: () => TokenCredential, clock: Clock): TokenCredential {
  const aheadNowMs = (): number => clock.nowMs() - clock.elapsedMs();
  let present = create();
  /** How far the clock was ahead of the machine's timer at a sign-in by it, at most. */
  let aheadMs = aheadNowMs();
  return {
    getToken: (scopes, options) => {
      const nowMs = aheadNowMs();
      const isSetBack = aheadMs - nowMs > SET_BACK_MAX_MS;
      if (isSetBack) present = create();
      aheadMs = isSetBack ? nowMs : Math.max(aheadMs, nowMs);
      return present.getToken(scopes, options);
    },
  };
}

import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { messageOf } from "../../../core/failure/message-of.ts";
import type { Clock } from "../../../ports/clock.ts";

/** From when on a token is renewed while it is still sent, in milliseconds before its end: as in the SDK. */
const RENEWED_BEFORE_END_MS = 120_000;
/** A token is not sent in its last milliseconds: its call may wait for a connection. As in the SDK. */
const UNUSED_BEFORE_END_MS = 1_000;
/** The time between two tries to renew a token that is still good, in milliseconds. */
const RENEWED_AGAIN_MS = 15_000;
/** How long such a try may take, in milliseconds. */
const RENEWAL_MAX_MS = 30_000;
/** The end of each token for the SDK: it then asks before each call, and renews none by itself. */
const ALWAYS_ASKED_FOR = 0;

/** A token that is still good and could not be renewed. */
export interface NotRenewed {
  /** When the token ends, in milliseconds since the Unix epoch. */
  readonly endsAtMs: number;
  /** What the sign-in failed with. */
  readonly problem: string;
}

/** What the renewal of tokens needs. */
export interface KeptTokenOptions {
  readonly clock: Clock;
  /** Called for each try that fails, at most every 15 s. */
  readonly onNotRenewed?: ((failed: NotRenewed) => void) | undefined;
}

/** A token, and what it was requested for. */
interface KeptToken {
  readonly token: AccessToken;
  readonly purpose: string;
}

/**
 * Keeps the last token and renews it ahead of its end, in place of the SDK. The SDK renews a token in the
 * background, too, but leaves its last failure to nobody: where the authority can't be reached until the
 * token has ended, and no call waits then, the rejected promise ends the process. It also cancels each try
 * with the call that began the first one.
 *
 * A renewal that fails leaves the present token. Fails as `credential` does once that has ended.
 */
export function createKeptToken(
  credential: TokenCredential,
  { clock, onNotRenewed }: KeptTokenOptions,
): TokenCredential {
  let kept: KeptToken | undefined;
  let isRenewing = false;
  let triedAtMs = -Infinity;

  function keep(token: AccessToken | null, purpose: string): void {
    if (token !== null) kept = { token, purpose };
  }

  /** Begins a renewal if one is due, and returns at once. */
  function renewAhead({ token, purpose }: KeptToken, scopes: Scopes, options: GetTokenOptions): void {
    const nowMs = clock.nowMs();
    const { refreshAfterTimestamp = Infinity, expiresOnTimestamp } = token;
    const dueAtMs = Math.min(refreshAfterTimestamp, expiresOnTimestamp - RENEWED_BEFORE_END_MS);
    if (isRenewing || nowMs < dueAtMs || clock.elapsedMs() - triedAtMs < RENEWED_AGAIN_MS) return;
    isRenewing = true;
    triedAtMs = clock.elapsedMs();
    const [late, done] = [new AbortController(), new AbortController()];
    clock.sleep(RENEWAL_MAX_MS, done.signal).then(
      () => late.abort("the time is over"),
      () => undefined,
    );
    credential
      .getToken(scopes, { ...options, abortSignal: late.signal })
      .then(
        (renewed) => keep(renewed, purpose),
        // The token is still good. A call that finds it ended signs in itself, and fails.
        (error: unknown) => onNotRenewed?.({ endsAtMs: expiresOnTimestamp, problem: messageOf(error) }),
      )
      .finally(() => {
        done.abort("done");
        isRenewing = false;
      });
  }

  return {
    getToken: async (scopes, options = {}) => {
      const purpose = JSON.stringify([scopes, options.tenantId]);
      const isGood =
        kept?.purpose === purpose &&
        kept.token.expiresOnTimestamp - UNUSED_BEFORE_END_MS > clock.nowMs() &&
        // Claims ask for another token than the one that was refused.
        options.claims === undefined;
      if (kept !== undefined && isGood) {
        renewAhead(kept, scopes, options);
        return withoutEnd(kept.token);
      }
      const token = await credential.getToken(scopes, options);
      keep(token, purpose);
      return token === null ? null : withoutEnd(token);
    },
  };
}

type Scopes = Parameters<TokenCredential["getToken"]>[0];

function withoutEnd({ refreshAfterTimestamp: _, ...token }: AccessToken): AccessToken {
  return { ...token, expiresOnTimestamp: ALWAYS_ASKED_FOR };
}

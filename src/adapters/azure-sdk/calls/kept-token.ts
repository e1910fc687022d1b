import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { messageOf } from "../../../core/failure/message-of.ts";
import type { Clock } from "../../../ports/clock.ts";
import { timedSignIn } from "./timed-sign-in.ts";

/** From when on a token is renewed while it is still sent, in milliseconds before its end: as in the SDK. */
const RENEWED_BEFORE_END_MS = 120_000;
/** A token is not sent in its last milliseconds: its call may wait for a connection. As in the SDK. */
const UNUSED_BEFORE_END_MS = 1_000;
/** The time between two tries to renew a token that is still good, in milliseconds. */
const RENEWED_AGAIN_MS = 15_000;
/** How long a sign-in may take, in milliseconds. */
export const SIGN_IN_MAX_MS = 30_000;
/** The end of each token for the SDK: it then asks before each call, and renews none by itself. */
const ALWAYS_ASKED_FOR = 0;

/** A token that is still good and could not be renewed. */
export interface NotRenewed {
  /** When the token ends, in milliseconds since the Unix epoch. */
  readonly endsAtMs: number;
  /** What the sign-in failed with. */
  readonly problem: string;
  /** The auxiliary tenant whose token it is. Absent: the settings' own. */
  readonly tenantId?: string;
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
  /** The number of its sign-in, in the order in which they began. */
  readonly signIn: number;
  /** When it ends by the machine's timer, which no person sets, on the clock's `elapsedMs`. */
  readonly endsAtElapsedMs: number;
}

/**
 * Keeps the last token and renews it ahead of its end, in place of the SDK. The SDK renews a token in the
 * background, too, but no code handles its last failure: where the authority can't be reached until the
 * token has ended, and no call waits then, the rejected promise ends the process.
 *
 * A sign-in belongs to no call: it gets no call's signal, since others may wait for it. It ends after 30 s at
 * the latest, by the clock: the credentials of Entra ID ignore signals, and the SDK has all calls of a
 * subscription wait for one sign-in. A token that comes later is kept, too, unless one of a later sign-in
 * came first: the settings may have changed in between.
 *
 * A renewal that fails leaves the present token. Once that has ended, fails as `credential` does, and with an
 * error for a sign-in without an answer. `tenantId`: the auxiliary tenant of `credential`, for reports.
 */
export function createKeptToken(
  credential: TokenCredential,
  { clock, onNotRenewed }: KeptTokenOptions,
  tenantId?: string,
): TokenCredential {
  let kept: KeptToken | undefined;
  let isRenewing = false;
  let triedAtMs = -Infinity;
  let signIns = 0;

  /** Rejects after `SIGN_IN_MAX_MS` at the latest. Keeps the token, whenever it comes. */
  function signIn(scopes: Scopes, options: GetTokenOptions, purpose: string): Promise<AccessToken | null> {
    signIns += 1;
    const number = signIns;
    return timedSignIn(clock, SIGN_IN_MAX_MS, async (late) => {
      const token = await credential.getToken(scopes, { ...options, abortSignal: late });
      if (token !== null) {
        const endsAtElapsedMs = clock.elapsedMs() + token.expiresOnTimestamp - clock.nowMs();
        keep({ token, purpose, signIn: number, endsAtElapsedMs }, options);
      }
      return token;
    });
  }

  /** Keeps no token of a sign-in that began before that of the present one, unless claims asked for it. */
  function keep(next: KeptToken, { claims }: GetTokenOptions): void {
    const isOvertaken = kept?.purpose === next.purpose && kept.signIn > next.signIn;
    if (!isOvertaken || claims !== undefined) kept = next;
  }

  /** How long a token lasts. Its end is dated by the clock, which may have been ahead then. */
  function leftMs({ token, endsAtElapsedMs }: KeptToken): number {
    return Math.min(token.expiresOnTimestamp - clock.nowMs(), endsAtElapsedMs - clock.elapsedMs());
  }

  /** Begins a renewal if one is due, and returns at once. */
  function renewAhead(present: KeptToken, scopes: Scopes, options: GetTokenOptions): void {
    const { token, purpose } = present;
    const { refreshAfterTimestamp = Infinity, expiresOnTimestamp } = token;
    const isDue = clock.nowMs() >= refreshAfterTimestamp || leftMs(present) <= RENEWED_BEFORE_END_MS;
    if (isRenewing || !isDue || clock.elapsedMs() - triedAtMs < RENEWED_AGAIN_MS) return;
    isRenewing = true;
    triedAtMs = clock.elapsedMs();
    signIn(scopes, options, purpose)
      .catch((error: unknown) =>
        // The token is still good. A call that finds it ended signs in itself, and fails.
        onNotRenewed?.({
          endsAtMs: expiresOnTimestamp,
          problem: messageOf(error),
          ...(tenantId === undefined ? {} : { tenantId }),
        }),
      )
      .finally(() => {
        isRenewing = false;
      });
  }

  return {
    getToken: async (scopes, options = {}) => {
      const purpose = JSON.stringify([scopes, options.tenantId]);
      const isGood =
        kept?.purpose === purpose &&
        leftMs(kept) > UNUSED_BEFORE_END_MS &&
        // Claims ask for another token than the one that was refused.
        options.claims === undefined;
      if (kept !== undefined && isGood) {
        renewAhead(kept, scopes, options);
        return withoutEnd(kept.token);
      }
      const token = await signIn(scopes, options, purpose);
      return token === null ? null : withoutEnd(token);
    },
  };
}

type Scopes = Parameters<TokenCredential["getToken"]>[0];

function withoutEnd({ refreshAfterTimestamp: _, ...token }: AccessToken): AccessToken {
  return { ...token, expiresOnTimestamp: ALWAYS_ASKED_FOR };
}

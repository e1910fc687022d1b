import {
  type AccessToken,
  CredentialUnavailableError,
  type GetTokenOptions,
  type TokenCredential,
} from "@azure/identity";
import { invariant } from "../../core/failure/invariant.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import type { Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import type { Clock } from "../../ports/clock.ts";
import { SIGN_IN_MAX_MS } from "./calls/kept-token.ts";
import { reworded } from "./calls/reworded.ts";
import { timedSignIn } from "./calls/timed-sign-in.ts";

/**
 * How long the credential of newer settings may take while an earlier one is kept, in milliseconds: the
 * earlier one is tried in what is left of the sign-in's time.
 */
const CANDIDATE_MAX_MS = SIGN_IN_MAX_MS / 2;

/** Why settings give no token. */
export interface UnusableSettings {
  /** The field of `azure.json` at fault, or `azure.json`. */
  readonly field: string;
  readonly problem: string;
  /** The auxiliary tenant whose token it is about. Absent: the settings' own. */
  readonly tenantId?: string;
}

/** What is reported of settings that change. */
export interface SettingsReports {
  /** Called once for settings that can't be used while the last ones that could be are kept. */
  readonly onUnusable?: ((unusable: UnusableSettings) => void) | undefined;
  /**
   * Called once after that, or after a change of the settings, when a token was got with them as they are:
   * no earlier ones are kept.
   */
  readonly onUsable?: ((usable: Omit<UnusableSettings, "problem">) => void) | undefined;
}

/** Settings, and what signs in with them. */
interface Made<Settings> {
  readonly settings: Settings;
  readonly credential: TokenCredential;
}

/** Where the settings are read, and what they lead to. */
export interface CurrentCredentialOptions<Settings> extends SettingsReports {
  readonly clock: Clock;
  /** `azure.json`, or its field that names the file of the settings: for reports. */
  readonly name: string;
  /** Default: none before the settings are read for the first time. */
  readonly first?: Made<Settings>;
  /** The settings as they are now, a JSON value. */
  readonly read: () => Promise<Result<Settings, UnusableSettings>>;
  /** Sends nothing yet. */
  readonly create: (settings: Settings) => Result<TokenCredential, UnusableSettings>;
}

/**
 * Signs in with the settings as they are when a token is requested, which is once for the lifetime of each
 * token, and at each call after a refusal. So a new secret needs no restart, and a wrong one is replaced.
 *
 * The credential that has given a token is kept until one of newer settings has: a broken renewal must not
 * stop a driver that can sign in. What Azure then refuses the newer one does not bring it back
 * (docs/adr/0065). Of a refused sign-in, the SDK's errors have no status that tells it from a failure of the
 * authority, so the kept credential is tried at each sign-in, however the newer one failed before, and also
 * where that gets no answer for 15 s.
 *
 * Fails with the error of the newest credential, and with `CredentialUnavailableError` while there is none.
 */
export function createCurrentCredential<Settings>(
  options: CurrentCredentialOptions<Settings>,
): TokenCredential {
  const { clock, name, read, create } = options;
  /** Has given a token. */
  let used: Made<Settings> | undefined;
  /** Has not given one yet. */
  let candidate: Made<Settings> | undefined = options.first;
  /** What `onUsable` ends: what was wrong, or a change. */
  let reported: Made<Settings> | string | undefined;

  /** Returns why the settings as they are can't be used. */
  async function update(): Promise<UnusableSettings | undefined> {
    const present = await read();
    if (!present.ok) return present.failure;
    const settings = present.value;
    if (used !== undefined && sameJson(settings, used.settings)) {
      candidate = undefined;
      return undefined;
    }
    // A new credential would forget its tokens.
    if (candidate !== undefined && sameJson(settings, candidate.settings)) return undefined;
    try {
      const made = create(settings);
      if (!made.ok) return made.failure;
      candidate = { settings, credential: made.value };
      return undefined;
    } catch (error) {
      // The SDK's constructors throw for a tenant with characters that no tenant has.
      return { field: name, problem: messageOf(error) };
    }
  }

  function report(what: Made<Settings> | string, unusable: UnusableSettings): void {
    if (reported === what) return;
    reported = what;
    options.onUnusable?.(unusable);
  }

  function promote(made: Made<Settings>): void {
    // A sign-in that began earlier may end later, and then has not the newest settings.
    if (candidate === made) {
      candidate = undefined;
      if (used !== undefined) reported ??= made;
      used = made;
    } else used ??= made;
  }

  /** Tries the candidate first. `problem`: what is wrong with settings newer than it. */
  async function signIn(
    getToken: (made: Made<Settings>) => Promise<AccessToken | null>,
    problem: UnusableSettings | undefined,
    signal: GetTokenOptions["abortSignal"],
  ): Promise<AccessToken | null> {
    const [tried, kept] = [candidate, used];
    if (tried === undefined) {
      invariant(kept !== undefined, "a sign-in without a credential");
      return getToken(kept);
    }
    const answer = getToken(tried).then((token) => {
      // Also of an answer that comes late: the next sign-in begins with it.
      if (token !== null) promote(tried);
      return token;
    });
    try {
      return await (kept === undefined ? answer : timedSignIn(clock, CANDIDATE_MAX_MS, () => answer));
    } catch (error) {
      if (kept === undefined || signal?.aborted === true) throw error;
      const token = await getToken(kept).catch(() => {
        // The kept one is to be replaced: what the new one lacks is what a person has to change.
        throw error;
      });
      if (problem === undefined) report(tried, { field: name, problem: messageOf(error) });
      return token;
    }
  }

  return {
    getToken: async (scopes, tokenOptions) => {
      const problem = await update();
      if (problem !== undefined) {
        if (candidate === undefined && used === undefined)
          throw new CredentialUnavailableError(sentenceOf(problem));
        report(sentenceOf(problem), problem);
      }
      try {
        const token = await signIn(
          ({ credential }) => credential.getToken(scopes, tokenOptions),
          problem,
          tokenOptions?.abortSignal,
        );
        if (reported !== undefined && problem === undefined && candidate === undefined) {
          reported = undefined;
          options.onUsable?.({ field: name });
        }
        return token;
      } catch (error) {
        if (problem === undefined) throw error;
        throw reworded(error, (message) => `${message}; ${sentenceOf(problem)}`);
      }
    },
  };
}

function sentenceOf({ field, problem }: UnusableSettings): string {
  return `${field}: ${problem}`;
}

import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import type { Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import type { AzureConfig, ConfigFailure } from "./azure-config.ts";

/** Where the settings are read, and what they lead to. */
export interface CurrentCredentialOptions {
  readonly config: AzureConfig;
  readonly credential: TokenCredential;
  /** The settings as they are now. */
  readonly read: () => Promise<Result<AzureConfig, ConfigFailure>>;
  readonly create: (config: AzureConfig) => Result<TokenCredential, ConfigFailure>;
  /** Settings that can't be used; the last ones that could be are kept. */
  readonly onUnusable: (failure: ConfigFailure) => void;
}

/**
 * Signs in with the settings as they are when a token is requested, which is once for the lifetime of each
 * token, and at each call after a refusal. So a new secret needs no restart, and a wrong one is replaced.
 * A refused sign-in is tried once more by a new credential: those of the SDK keep a certificate for good, and
 * a federated token for five minutes, after their file has changed.
 */
export function createCurrentCredential(options: CurrentCredentialOptions): TokenCredential {
  let { config, credential } = options;
  async function update(): Promise<void> {
    const present = await options.read();
    if (!present.ok) return options.onUnusable(present.failure);
    if (sameJson(present.value, config)) return;
    const made = options.create(present.value);
    if (!made.ok) return options.onUnusable(made.failure);
    config = present.value;
    credential = made.value;
  }
  return {
    getToken: async (
      scopes: string | string[],
      tokenOptions?: GetTokenOptions,
    ): Promise<AccessToken | null> => {
      await update();
      try {
        return await credential.getToken(scopes, tokenOptions);
      } catch (error) {
        const renewed = options.create(config);
        if (tokenOptions?.abortSignal?.aborted === true || !renewed.ok) throw error;
        credential = renewed.value;
        return credential.getToken(scopes, tokenOptions);
      }
    },
  };
}

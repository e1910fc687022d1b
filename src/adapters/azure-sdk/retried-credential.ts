import type { TokenCredential } from "@azure/identity";

/**
 * Tries a failed sign-in once more by a new credential, for those that keep what they have read of a file
 * after it has changed: `WorkloadIdentityCredential` keeps a federated token for five minutes. The old
 * credential, with its tokens, is kept until the new one has given one. Fails with the new one's error.
 */
export function createRetriedCredential(create: () => TokenCredential): TokenCredential {
  let present = create();
  return {
    getToken: async (scopes, options) => {
      try {
        return await present.getToken(scopes, options);
      } catch (error) {
        if (options?.abortSignal?.aborted === true) throw error;
        const renewed = create();
        const token = await renewed.getToken(scopes, options);
        present = renewed;
        return token;
      }
    },
  };
}

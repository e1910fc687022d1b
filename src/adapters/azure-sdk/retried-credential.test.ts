import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TokenCredential } from "@azure/identity";
import { createRetriedCredential } from "./retried-credential.ts";

/** Credentials that are numbered as they are made, and those of them that an authority accepts. */
function bench(): { readonly accepted: Set<string>; readonly credential: TokenCredential } {
  const accepted = new Set<string>();
  let made = 0;
  const credential = createRetriedCredential(() => {
    const token = String(++made);
    return {
      getToken: async () => {
        if (!accepted.has(token)) throw new Error(`${token} is refused`);
        return { token, expiresOnTimestamp: 0 };
      },
    };
  });
  return { accepted, credential };
}

describe("a credential that is tried again", () => {
  it("is replaced by a new one that gives a token", async () => {
    const { accepted, credential } = bench();
    accepted.add("2");
    for (let repeated = 0; repeated < 2; repeated++)
      assert.equal((await credential.getToken("any"))?.token, "2");
  });

  it("is kept where the new one gives no token", async () => {
    const { accepted, credential } = bench();
    await assert.rejects(credential.getToken("any"), /^Error: 2 is refused$/u);
    accepted.add("1");
    assert.equal((await credential.getToken("any"))?.token, "1");
  });

  it("is not tried again once the caller has given up", async () => {
    const { accepted, credential } = bench();
    accepted.add("2");
    const abortSignal = AbortSignal.abort();
    await assert.rejects(credential.getToken("any", { abortSignal }), /^Error: 1 is refused$/u);
  });
});

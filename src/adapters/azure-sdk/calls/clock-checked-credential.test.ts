import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TokenCredential } from "@azure/identity";
import { createVirtualClock } from "../../virtual/virtual-clock.ts";
import { createClockCheckedCredential } from "./clock-checked-credential.ts";

const SCOPE = "https://management.azure.com/.default";

/** Sign-ins, each answered with the number of the credential that was asked. */
function bench(): { readonly setAhead: (ms: number) => void; readonly signIn: () => Promise<string> } {
  const clock = createVirtualClock();
  let aheadMs = 0;
  let made = 0;
  const create = (): TokenCredential => {
    made += 1;
    const token = String(made);
    return { getToken: async () => ({ token, expiresOnTimestamp: 0 }) };
  };
  const wallClock = { ...clock, nowMs: () => clock.nowMs() + aheadMs };
  const credential = createClockCheckedCredential(create, wallClock);
  return {
    setAhead: (ms) => {
      aheadMs = ms;
    },
    signIn: async () => {
      await clock.advance(1_000);
      const token = await credential.getToken(SCOPE);
      return token?.token ?? assert.fail("there is no token");
    },
  };
}

describe("createClockCheckedCredential", () => {
  it("keeps the credential, with its tokens, while the clock is not set back", async () => {
    const { setAhead, signIn } = bench();
    assert.equal(await signIn(), "1");
    setAhead(3_600_000);
    assert.equal(await signIn(), "1");
    setAhead(3_600_000 - 60_000);
    assert.equal(await signIn(), "1");
  });

  it("replaces it once the clock was set back by more than a minute", async () => {
    const { setAhead, signIn } = bench();
    setAhead(3_600_000);
    assert.equal(await signIn(), "1");
    setAhead(0);
    assert.equal(await signIn(), "2");
    assert.equal(await signIn(), "2");
    setAhead(-60_001);
    assert.equal(await signIn(), "3");
  });

  it("adds up what the clock is set back by in small steps", async () => {
    const { setAhead, signIn } = bench();
    setAhead(-40_000);
    assert.equal(await signIn(), "1");
    setAhead(-80_000);
    assert.equal(await signIn(), "2");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GetTokenOptions, TokenCredential } from "@azure/identity";
import { createVirtualClock, type VirtualClock } from "../../virtual/virtual-clock.ts";
import { createKeptToken, type NotRenewed } from "./kept-token.ts";

const SCOPE = "https://management.azure.com/.default";
const LIFETIME_MS = 3_600_000;

interface Bench {
  readonly clock: VirtualClock;
  readonly credential: TokenCredential;
  /** The options of each sign-in so far. */
  readonly signIns: GetTokenOptions[];
  readonly notRenewed: NotRenewed[];
  /** How a sign-in fails; undefined: it does not. */
  failure: Error | undefined;
  /** Whether sign-ins get no answer. */
  hangs: boolean;
  /** The number of the sign-in that the token is from. */
  token(options?: GetTokenOptions): Promise<string | undefined>;
}

function bench(refreshAfterMs?: number): Bench {
  const clock = createVirtualClock();
  const made: Bench = {
    clock,
    signIns: [],
    failure: undefined,
    hangs: false,
    credential: createKeptToken(
      {
        getToken: async (_scopes, options = {}) => {
          made.signIns.push(options);
          const token = String(made.signIns.length);
          if (made.hangs)
            await new Promise((_resolve, reject) => {
              options.abortSignal?.addEventListener("abort", () => reject(new Error("aborted")));
            });
          if (made.failure !== undefined) throw made.failure;
          const nowMs = clock.nowMs();
          const refresh =
            refreshAfterMs === undefined ? {} : { refreshAfterTimestamp: nowMs + refreshAfterMs };
          return { token, expiresOnTimestamp: nowMs + LIFETIME_MS, ...refresh };
        },
      },
      { clock, onNotRenewed: (failed) => made.notRenewed.push(failed) },
    ),
    notRenewed: [],
    token: async (options) => {
      const token = await made.credential.getToken(SCOPE, options);
      // What it has begun is done before the next question.
      await clock.settle();
      return token?.token;
    },
  };
  return made;
}

describe("a kept token", () => {
  it("serves all calls until two minutes before its end, and is always asked for", async () => {
    const world = bench();
    assert.equal(await world.token(), "1");
    await world.clock.advance(LIFETIME_MS - 120_001);
    assert.deepEqual(await world.credential.getToken(SCOPE), { token: "1", expiresOnTimestamp: 0 });
    assert.equal(world.signIns.length, 1);
  });

  it("serves the call that begins its renewal", async () => {
    const world = bench();
    await world.token();
    await world.clock.advance(LIFETIME_MS - 120_000);
    assert.equal(await world.token(), "1");
    assert.equal(await world.token(), "2");
    assert.equal(world.signIns.length, 2);
  });

  it("is renewed when the authority asks for that", async () => {
    const world = bench(60_000);
    await world.token();
    await world.clock.advance(60_000);
    assert.equal(await world.token(), "1");
    assert.equal(await world.token(), "2");
  });

  it("is served until its end while no renewal succeeds, with a try every 15 s", async () => {
    const world = bench();
    const endsAtMs = world.clock.nowMs() + LIFETIME_MS;
    await world.token();
    world.failure = new Error("the authority is down");
    await world.clock.advance(LIFETIME_MS - 120_000);
    for (let second = 0; second < 119; second++) {
      assert.equal(await world.token(), "1");
      await world.clock.advance(1_000);
    }
    assert.equal(world.signIns.length, 1 + 8);
    const failed = { endsAtMs, problem: "the authority is down" };
    assert.deepEqual(world.notRenewed, Array<NotRenewed>(8).fill(failed));
    await assert.rejects(world.token(), world.failure);
    world.failure = undefined;
    assert.equal(await world.token(), "11");
  });

  it("is renewed without the signal of a call, and for half a minute at most", async () => {
    const world = bench();
    await world.token();
    world.hangs = true;
    await world.clock.advance(LIFETIME_MS - 120_000);
    const call = new AbortController();
    assert.equal(await world.token({ abortSignal: call.signal }), "1");
    call.abort();
    const signal = world.signIns[1]?.abortSignal;
    await world.clock.advance(29_999);
    assert.equal(signal?.aborted, false);
    assert.equal(await world.token(), "1");
    assert.equal(world.signIns.length, 2, "one renewal at a time");
    await world.clock.advance(1);
    assert.equal(signal?.aborted, true);
    world.hangs = false;
    assert.equal(await world.token(), "1");
    assert.equal(await world.token(), "3");
  });

  it("is replaced for claims and for another tenant", async () => {
    const world = bench();
    await world.token();
    assert.equal(await world.token({ claims: "e30=" }), "2");
    assert.equal(await world.token(), "2");
    assert.equal(await world.token({ tenantId: "other" }), "3");
    assert.equal(await world.token(), "4");
  });

  it("is none where the credential gives none", async () => {
    const clock = createVirtualClock();
    const credential = createKeptToken({ getToken: async () => null }, { clock });
    assert.equal(await credential.getToken(SCOPE), null);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GetTokenOptions, TokenCredential } from "@azure/identity";
import { createVirtualClock, type VirtualClock } from "../../virtual/virtual-clock.ts";
import { createKeptToken, type NotRenewed } from "./kept-token.ts";

const SCOPE = "https://management.azure.com/.default";
const LIFETIME_MS = 3_600_000;
const NO_ANSWER = "no answer to the sign-in within 30 s";

interface Bench {
  readonly clock: VirtualClock;
  readonly credential: TokenCredential;
  /** The options of each sign-in so far. */
  readonly signIns: GetTokenOptions[];
  readonly notRenewed: NotRenewed[];
  /** How a sign-in fails; undefined: it does not. */
  failure: Error | undefined;
  /** How long the tokens of later sign-ins last. */
  lifetimeMs: number;
  /** Whether the sign-ins that begin get no answer until their signal is aborted, which Entra ID's ignore. */
  hangs: "no" | "until aborted" | "whatever the signal";
  /** How to end those that ignore it, in their order. */
  readonly hung: PromiseWithResolvers<void>[];
  /** The number of the sign-in that the token is from. */
  token(options?: GetTokenOptions): Promise<string | undefined>;
}

function bench({ refreshAfterMs, tenantId }: { refreshAfterMs?: number; tenantId?: string } = {}): Bench {
  const clock = createVirtualClock();
  const made: Bench = {
    clock,
    signIns: [],
    failure: undefined,
    lifetimeMs: LIFETIME_MS,
    hangs: "no",
    hung: [],
    credential: createKeptToken(
      {
        getToken: async (_scopes, options = {}) => {
          made.signIns.push(options);
          const token = String(made.signIns.length);
          const nowMs = clock.nowMs();
          if (made.hangs !== "no") {
            const end = Promise.withResolvers<void>();
            if (made.hangs === "whatever the signal") made.hung.push(end);
            else options.abortSignal?.addEventListener("abort", () => end.reject(new Error("aborted")));
            await end.promise;
          }
          if (made.failure !== undefined) throw made.failure;
          const refresh =
            refreshAfterMs === undefined ? {} : { refreshAfterTimestamp: nowMs + refreshAfterMs };
          return { token, expiresOnTimestamp: nowMs + made.lifetimeMs, ...refresh };
        },
      },
      { clock, onNotRenewed: (failed) => made.notRenewed.push(failed) },
      tenantId,
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

describe("a kept token, and a clock that was ahead at the sign-in", () => {
  it("is renewed before its own end, not before that by the clock", async () => {
    const clock = createVirtualClock();
    let aheadMs = 7_200_000;
    let signIns = 0;
    const wallClock = { ...clock, nowMs: () => clock.nowMs() + aheadMs };
    const credential = createKeptToken(
      {
        getToken: async () => {
          signIns += 1;
          return { token: String(signIns), expiresOnTimestamp: wallClock.nowMs() + LIFETIME_MS };
        },
      },
      { clock: wallClock },
    );
    const token = async (): Promise<string | undefined> => {
      const { token: text } = (await credential.getToken(SCOPE)) ?? {};
      await clock.settle();
      return text;
    };
    await token();
    aheadMs = 0;
    await clock.advance(LIFETIME_MS - 120_001);
    await token();
    assert.equal(signIns, 1);
    await clock.advance(1);
    assert.equal(await token(), "1");
    assert.equal(await token(), "2");
    await clock.advance(LIFETIME_MS - 1_000);
    assert.equal(await token(), "3", "one that has ended is sent");
  });
});

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
    const world = bench({ refreshAfterMs: 60_000 });
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

  for (const hangs of ["until aborted", "whatever the signal"] as const) {
    it(`is renewed for half a minute at most if a sign-in hangs ${hangs}`, async () => {
      const world = bench();
      const endsAtMs = world.clock.nowMs() + LIFETIME_MS;
      await world.token();
      world.hangs = hangs;
      await world.clock.advance(LIFETIME_MS - 120_000);
      const call = new AbortController();
      assert.equal(await world.token({ abortSignal: call.signal }), "1");
      call.abort();
      const signal = world.signIns[1]?.abortSignal;
      await world.clock.advance(29_999);
      assert.equal(signal?.aborted, false);
      assert.equal(await world.token(), "1");
      assert.equal(world.signIns.length, 2, "one renewal at a time");
      assert.deepEqual(world.notRenewed, []);
      await world.clock.advance(1);
      assert.equal(signal?.aborted, true);
      assert.deepEqual(world.notRenewed, [{ endsAtMs, problem: NO_ANSWER }]);
      world.hangs = "no";
      assert.equal(await world.token(), "1");
      assert.equal(await world.token(), "3");
    });

    it(`is none for half a minute at most if a sign-in hangs ${hangs}`, async () => {
      const world = bench();
      world.hangs = hangs;
      const call = new AbortController();
      const failed = assert.rejects(world.token({ abortSignal: call.signal }), { message: NO_ANSWER });
      call.abort();
      const signal = world.signIns[0]?.abortSignal;
      await world.clock.advance(29_999);
      assert.equal(signal?.aborted, false, "other calls may wait for it");
      await world.clock.advance(1);
      await failed;
      assert.equal(signal?.aborted, true);
      assert.equal(world.clock.sleepers(), 0);
      world.hangs = "no";
      assert.equal(await world.token(), "2");
      assert.equal(world.clock.sleepers(), 0);
    });
  }

  it("is kept if it comes after the limit", async () => {
    const world = bench();
    world.hangs = "whatever the signal";
    const failed = assert.rejects(world.token(), { message: NO_ANSWER });
    await world.clock.advance(30_000);
    await failed;
    world.hung[0]?.resolve();
    await world.clock.settle();
    assert.equal(await world.token(), "1");
    assert.equal(world.signIns.length, 1);
  });

  it("survives a sign-in that fails after the limit", async () => {
    const world = bench();
    await world.token();
    world.hangs = "whatever the signal";
    await world.clock.advance(LIFETIME_MS - 120_000);
    await world.token();
    await world.clock.advance(30_000);
    world.hangs = "no";
    assert.equal(await world.token(), "1");
    world.hung[0]?.reject(new Error("late"));
    assert.equal(await world.token(), "3");
    assert.equal(world.notRenewed.length, 1);
  });

  for (const { because, options, expected } of [
    { because: "not replaced by an older one of a sign-in at the same time", options: {}, expected: "2" },
    { because: "replaced by an older one that claims asked for", options: { claims: "e30=" }, expected: "1" },
  ]) {
    it(`is ${because}`, async () => {
      const world = bench();
      world.hangs = "whatever the signal";
      const older = world.token(options);
      await world.clock.advance(1_000);
      world.hangs = "no";
      assert.equal(await world.token(), "2");
      // Whatever its own end: it may be of settings that were replaced since.
      world.lifetimeMs *= 2;
      world.hung[0]?.resolve();
      assert.equal(await older, "1");
      assert.equal(await world.token(), expected);
    });
  }

  it("is replaced by its renewal, also by one that ends earlier", async () => {
    const world = bench({ refreshAfterMs: 60_000 });
    await world.token();
    world.lifetimeMs = LIFETIME_MS / 2;
    await world.clock.advance(60_000);
    assert.equal(await world.token(), "1");
    assert.equal(await world.token(), "2");
  });

  it("names the auxiliary tenant if it is not renewed", async () => {
    const world = bench({ tenantId: "other" });
    const endsAtMs = world.clock.nowMs() + LIFETIME_MS;
    await world.token();
    world.failure = new Error("the authority is down");
    await world.clock.advance(LIFETIME_MS - 120_000);
    await world.token();
    assert.deepEqual(world.notRenewed, [{ endsAtMs, problem: "the authority is down", tenantId: "other" }]);
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

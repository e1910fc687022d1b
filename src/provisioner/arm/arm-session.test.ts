import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readPages } from "../../adapters/arm-wire/read-pages.ts";
import type { SentAnswer } from "../../adapters/arm-wire/wire-answer.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { type VirtualClock, createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { ok } from "../../core/failure/result.ts";
import { defaultProvisionerSettings as settings } from "../settings.ts";
import type { ArmApi, ArmOperationStatus } from "./arm-api.ts";
import { ownError, ownErrorCodes } from "./arm-error.ts";
import { type ArmSession, createArmSession } from "./arm-session.ts";
import type { OperationLikeness } from "./operation-poller.ts";
import { ThrottleBudget } from "./throttle-budget.ts";

const never = new AbortController().signal;

/** A session whose operations on VMs take as long from their start as their URL names. */
function aSession({ gatewayLimits = settings.gatewayLimits } = {}): {
  readonly clock: VirtualClock;
  readonly session: ArmSession;
} {
  const clock = createVirtualClock();
  const arm: Pick<ArmApi, "pollOperation"> = {
    pollOperation: ({ operation }) => {
      const [startedMs = 0, durationMs = 0] = (operation.pollUrl ?? "").split("/").map(Number);
      const hasEnded = clock.elapsedMs() >= startedMs + durationMs;
      const status = hasEnded ? { state: "succeeded", durationMs } : { state: "running", operation };
      return Promise.resolve({ result: ok(status as ArmOperationStatus), remaining: [] });
    },
  };
  const session = createArmSession({
    arm: arm as ArmApi,
    budget: new ThrottleBudget({ clock, limits: settings.limits, gatewayLimits }),
    clock,
    random: createSeededRandom(1),
    settings,
    lifetime: never,
  });
  return { clock, session };
}

/** Waits for the end of an operation on a VM, and returns how long that took. */
async function untilEndedMs(
  session: ArmSession,
  lane: Lane,
  {
    durationMs = 0,
    retryAfterMs,
    likeness,
  }: {
    readonly durationMs?: number;
    readonly retryAfterMs?: number;
    readonly likeness?: OperationLikeness;
  } = {},
): Promise<number> {
  const startedMs = session.clock.elapsedMs();
  const operation = { kind: "vm", pollUrl: `${startedMs}/${durationMs}`, retryAfterMs } as const;
  const waiting = {
    resource: "vm-a",
    lane,
    readEnd: () => Promise.resolve(ok(undefined)),
    ...(likeness === undefined ? {} : { likeness }),
  };
  await session.untilEnded(operation, waiting, never);
  return session.clock.elapsedMs() - startedMs;
}

describe("polls of updates of a VM", () => {
  it("are none of an update of which Azure names no operation", async () => {
    const { session } = aSession();
    const untold = { kind: "vm", pollUrl: undefined, isUntold: true, retryAfterMs: undefined } as const;
    // A poll without an address would be answered, and say that it has ended.
    assert.equal(await session.isRunning(untold, { resource: "vm-a", lane: "failover" }, never), undefined);
  });

  it("notice the end at once after two updates of that kind and size", async () => {
    const { clock, session } = aSession();
    const attach = (likeness: OperationLikeness): Promise<number> =>
      settledOn(clock, untilEndedMs(session, "primaryAttach", { likeness, durationMs: 8300 }));
    for (const expected of [9000, 9000, 8378]) assert.equal(Math.ceil(await attach("vmAttach/0")), expected);
    for (const other of ["vmAttach/1", "vmDetach/0"] as const) assert.equal(await attach(other), 9000);
  });

  it("learn from fewer than four updates only if they took about as long", async () => {
    const { clock, session } = aSession();
    for (const { durationMs, expected } of [
      { durationMs: 4000, expected: 4000 },
      { durationMs: 120_000, expected: 120_545 },
      { durationMs: 8000, expected: 8000 },
    ]) {
      const attach = untilEndedMs(session, "primaryAttach", { likeness: "vmAttach/0", durationMs });
      assert.equal(Math.ceil(await settledOn(clock, attach)), expected);
    }
  });
});

describe("the Retry-After of a running operation", () => {
  for (const { lane, named, expected, because } of [
    { lane: "primaryAttach", named: 60_000, expected: 60_000, because: "Azure allows a VM few polls" },
    { lane: "failover", named: 60_000, expected: 5000, because: "a pod waits for the fence's end" },
    { lane: "failover", named: 2000, expected: 2000, because: "it is no longer than the pace" },
  ] as const)
    it(`of ${named} ms delays a poll for ${lane} by ${expected} ms: ${because}`, async () => {
      const { clock, session } = aSession();
      assert.equal(await settledOn(clock, untilEndedMs(session, lane, { retryAfterMs: named })), expected);
    });
});

describe("looks at many VMs on which Azure works", () => {
  const others = (session: ArmSession, lane: Lane): readonly Promise<void>[] =>
    Array.from({ length: 400 }, () => session.untilNextLook({ lane, delayMs: 60_000, maxMs: 60_000 }, never));

  it("of less urgent lanes do not delay the poll of a fence", async () => {
    const { clock, session } = aSession();
    const waiting = others(session, "replicaAttach");
    assert.equal(await settledOn(clock, untilEndedMs(session, "failover")), 1000);
    await settledOn(clock, Promise.all(waiting));
  });

  it("take half of the front door's reads, whether they poll or read", async () => {
    const { clock, session } = aSession();
    const waiting = others(session, "failover");
    const attach = untilEndedMs(session, "primaryAttach");
    assert.equal(await settledOn(clock, untilEndedMs(session, "failover")), 401 * 80);
    assert.equal(await attach, 401 * 80);
    await settledOn(clock, Promise.all(waiting));
    assert.equal(await settledOn(clock, untilEndedMs(session, "failover")), 1000);
  });

  it("end with the patience for the operation", async () => {
    const { clock, session } = aSession();
    const waiting = others(session, "failover");
    const look = { lane: "failover", delayMs: 1000, maxMs: 3000 } as const;
    await settledOn(clock, session.untilNextLook(look, never));
    assert.equal(clock.elapsedMs(), 3000);
    await settledOn(clock, Promise.all(waiting));
  });
});

describe("a call beside more failovers than the front door allows", () => {
  for (const { lane, expected, withinMs } of [
    { lane: "primaryAttach", expected: "went", withinMs: 30_000 },
    { lane: "detach", expected: "went", withinMs: 30_000 },
    { lane: "tag", expected: "CallBudgetExhausted", withinMs: settings.throttleWaitMaxMs },
  ] as const)
    it(`of the lane ${lane} ends within ${withinMs} ms: ${expected}`, async () => {
      const { clock, session } = aSession({
        gatewayLimits: { ...settings.gatewayLimits, reads: { burst: 4, perMinute: 60 } },
      });
      let isOver = false;
      const read = (asked: Lane): Promise<string> =>
        session
          .call(
            { group: "diskRead", resource: undefined, lane: asked },
            () => Promise.resolve({ result: ok("went"), remaining: [] }),
            never,
          )
          .then((answer) => (answer.ok ? answer.value : answer.failure.code));
      const failovers = Array.from({ length: 40 }, async () => {
        while (!isOver) await read("failover");
      });
      const ended = await settledOn(clock, read(lane));
      const tookMs = clock.elapsedMs();
      isOver = true;
      await settledOn(clock, Promise.all(failovers));
      assert.equal(ended, expected);
      assert.ok(tookMs <= withinMs, `${tookMs} ms`);
    });
});

describe("a list of many pages", () => {
  const PAGES = 60;
  const throttled = { statusCode: 429, headers: { "retry-after": "5" }, body: {}, atMs: 0 };
  const busy = { statusCode: 503, headers: { "retry-after": "5" }, body: {}, atMs: 0 };
  const lost = { lost: ownError(ownErrorCodes.noAnswer, "the connection broke") };
  const denied = { statusCode: 403, headers: {}, body: {}, atMs: 0 };

  /** Reads a list whose page before the last fails `times` times; returns its requests, and how it ends. */
  async function list(
    failure: SentAnswer,
    times: number,
  ): Promise<{ readonly requests: number; readonly end: number | string; readonly ms: number }> {
    const { clock, session } = aSession();
    let requests = 0;
    let failures = 0;
    const get = async (page: number): Promise<SentAnswer> => {
      requests++;
      if (page === PAGES - 1 && failures++ < times) return failure;
      const next = page === PAGES ? {} : { nextLink: String(page + 1) };
      return { statusCode: 200, headers: {}, body: { value: [{}], ...next }, atMs: 0 };
    };
    const listed = await settledOn(
      clock,
      session.call(
        { group: "diskList", resource: "sub-1/rg-1/disks", lane: "primaryAttach" },
        async (clientRequestId, nextPage) =>
          readPages(await get(1), {
            clientRequestId,
            nextPage,
            get: (nextLink) => get(Number(nextLink)),
            readItem: (item) => item,
          }),
        never,
      ),
    );
    const end = listed.ok ? listed.value.length : listed.failure.statusCode;
    return { requests, end, ms: clock.elapsedMs() };
  }

  for (const { because, failure, waitMs } of [
    { because: "Azure throttles it", failure: throttled, waitMs: 5000 },
    { because: "Azure is busy", failure: busy, waitMs: 5000 },
    { because: "its answer is lost", failure: lost, waitMs: 125 },
  ])
    it(`reads only the page again that fails: ${because}`, async () => {
      const { requests, end, ms } = await list(failure, 1);
      assert.deepEqual([requests, end], [PAGES + 1, PAGES]);
      assert.ok(ms >= waitMs && ms < waitMs + 1000, `${ms} ms`);
    });

  for (const { because, failure, tries, status } of [
    { because: "after four tries", failure: throttled, tries: 4, status: 429 },
    { because: "at once where a repetition can't help", failure: denied, tries: 1, status: 403 },
  ])
    it(`fails ${because}`, async () => {
      const { requests, end } = await list(failure, Infinity);
      assert.deepEqual([requests, end], [PAGES - 2 + tries, status]);
    });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { aSnapshotRequest } from "../../controller/testing/a-snapshot-request.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ArmAnswer, ArmApi, ArmOperation, ArmOperationStatus, ArmSnapshot } from "../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../arm/arm-error.ts";
import { createAzureCloudProvisioner } from "../azure-cloud-provisioner.ts";

/** How long Azure takes to answer a request that changes a snapshot, in milliseconds. */
const ANSWER_MS = 45_000;
/** How long it takes to list those of a group, in milliseconds. */
const LIST_MS = 500;
const PROVIDER = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute";
const snapshotUri = `${PROVIDER}/snapshots/snap-1`;

/** An Azure that carries a request out just before it answers, whether or not its caller waits. */
function aCloud({
  isThere,
  isCopied = () => false,
  answer,
  polled,
}: {
  readonly isThere: boolean;
  /** How Azure answers a creation at once. */
  readonly answer?: () => ArmAnswer<ArmOperation>["result"] | undefined;
  /** How it answers polls of one that it has accepted. */
  readonly polled?: ArmAnswer<ArmOperationStatus>["result"] | undefined;
  /** Whether Azure makes a disk of the snapshot: it refuses to delete it then. */
  readonly isCopied?: () => boolean;
}) {
  const clock = createVirtualClock();
  const never = new AbortController().signal;
  const present = { id: snapshotUri, name: "snap-1", provisioningState: "Succeeded" } as ArmSnapshot;
  let shown = isThere ? present : undefined;
  let abandoned = 0;
  const carryOut = async (
    next: ArmSnapshot | undefined,
    signal: AbortSignal,
  ): Promise<ArmAnswer<ArmOperation>> => {
    signal.addEventListener("abort", () => (abandoned += 1));
    await clock.sleep(ANSWER_MS, never);
    shown = next;
    return { result: ok({ kind: "disk", pollUrl: undefined, retryAfterMs: undefined }), remaining: [] };
  };
  const notThere = { ...ownError("ResourceNotFound", ""), statusCode: 404 };
  const refused: ArmAnswer<ArmOperation> = {
    result: fail({ ...ownError("Conflict", ""), statusCode: 409 }),
    remaining: [],
  };
  let lists = 0;
  const arm = {
    listSnapshots: async () => {
      lists += 1;
      const found = shown === undefined ? [] : [shown];
      await clock.sleep(LIST_MS, never);
      return { result: ok(found), remaining: [] };
    },
    getSnapshot: (_request, signal) => {
      const gaveUp = ownError(ownErrorCodes.cancelled, "");
      const result = signal.aborted ? fail(gaveUp) : shown === undefined ? fail(notThere) : ok(shown);
      return Promise.resolve({ result, remaining: [] });
    },
    startSnapshotCreate: async (_request, signal) => {
      const result = answer?.();
      if (result?.ok === true && result.value.pollUrl === undefined) shown = present;
      return result === undefined ? carryOut(present, signal) : { result, remaining: [] };
    },
    pollOperation: async () => ({ result: polled ?? assert.fail("no poll is expected"), remaining: [] }),
    startSnapshotDelete: (_request, signal) =>
      isCopied() ? Promise.resolve(refused) : carryOut(undefined, signal),
  } as Partial<ArmApi> as ArmApi;
  const provisioner = createAzureCloudProvisioner({
    arm,
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: "sub-1", resourceGroup: "rg-1", location: "eastus" },
    lifetime: never,
  });
  return {
    clock,
    provisioner,
    isShown: () => shown !== undefined,
    abandoned: () => abandoned,
    lists: () => lists,
  };
}

describe("a request that changes a snapshot", () => {
  const rows = [
    {
      name: "creation",
      isThere: false,
      send: ({ provisioner }: ReturnType<typeof aCloud>, signal: AbortSignal): Promise<unknown> =>
        provisioner.createSnapshot(
          aSnapshotRequest({ snapshotUri, sourceUri: `${PROVIDER}/disks/pvc-1` }),
          signal,
        ),
    },
    {
      name: "deletion",
      isThere: true,
      send: ({ provisioner }: ReturnType<typeof aCloud>, signal: AbortSignal): Promise<unknown> =>
        provisioner.deleteSnapshot({ snapshotUri, objection: () => undefined }, signal),
    },
  ];
  for (const { name, isThere, send } of rows)
    it(`is not left on its way: a ${name} ends with its answer though its caller gives up`, async () => {
      const cloud = aCloud({ isThere });
      const caller = new AbortController();
      let isSettled = false;
      const sent: Promise<unknown> = send(cloud, caller.signal).finally(() => (isSettled = true));
      await cloud.clock.advance(ANSWER_MS / 2);
      caller.abort();
      await cloud.clock.advance(ANSWER_MS / 2 - 1);
      assert.deepEqual([isSettled, cloud.isShown(), cloud.abandoned()], [false, isThere, 0]);
      await settledOn(cloud.clock, sent);
      assert.equal(cloud.isShown(), !isThere);
    });
});

describe("the note of a request that makes a snapshot", () => {
  type Answer = ArmAnswer<ArmOperation>["result"];
  const made = ok({ kind: "disk", pollUrl: undefined, retryAfterMs: undefined } as const);
  const error = (statusCode: number, code: string): Answer => fail({ ...ownError(code, ""), statusCode });

  /** What happens in order, where Azure answers requests so. */
  async function eventsOf(
    answers: readonly Answer[],
    {
      isThere = false,
      mayWrite = true,
      polled,
    }: {
      readonly isThere?: boolean;
      readonly mayWrite?: boolean;
      readonly polled?: ArmAnswer<ArmOperationStatus>["result"];
    } = {},
  ): Promise<readonly string[]> {
    const events: string[] = [];
    const left = [...answers];
    const cloud = aCloud({
      isThere,
      polled,
      answer: () => {
        events.push("request");
        return left.shift();
      },
    });
    const note = {
      write: async () => {
        events.push("write");
        return mayWrite ? ok(undefined) : fail({ kind: "StillWaiting", volumeId: "v", what: "it" } as const);
      },
      end: async () => void events.push("end"),
    };
    const request = aSnapshotRequest({ snapshotUri, sourceUri: `${PROVIDER}/disks/pvc-1`, note });
    const created = cloud.provisioner.createSnapshot(request, new AbortController().signal);
    const ended = await settledOn(cloud.clock, created);
    return [...events, ended.ok ? "made" : ended.failure.kind];
  }

  it("comes before each request, and stays with one that is made", async () => {
    assert.deepEqual(await eventsOf([made]), ["write", "request", "made"]);
  });

  it("comes before none where the snapshot is there", async () => {
    assert.deepEqual(await eventsOf([], { isThere: true }), ["made"]);
  });

  it("keeps a request from being sent that can't be noted", async () => {
    assert.deepEqual(await eventsOf([], { mayWrite: false }), ["write", "StillWaiting"]);
  });

  for (const { because, statusCode, code, kind } of [
    { because: "for good", statusCode: 400, code: "BadRequest", kind: "CloudRejected" },
    {
      because: "for want of a permission",
      statusCode: 403,
      code: "AuthorizationFailed",
      kind: "CloudUnauthorized",
    },
    { because: "for a quota", statusCode: 409, code: "SnapshotLimitReached", kind: "TooManySnapshots" },
  ])
    it(`ends once Azure has refused its request ${because}`, async () => {
      assert.deepEqual(await eventsOf([error(statusCode, code)]), ["write", "request", "end", kind]);
    });

  for (const { because, statusCode, code } of [
    { because: "without an answer", statusCode: 0, code: ownErrorCodes.noAnswer },
    { because: "by a fault of Azure's", statusCode: 503, code: "ServiceUnavailable" },
  ])
    it(`stays where its request has ended ${because}: it may come later`, async () => {
      const lost = error(statusCode, code);
      const events = await eventsOf([lost, error(400, "BadRequest")]);
      assert.deepEqual(events, ["write", "request", "write", "request", "end", "CloudRejected"]);
      assert.equal((await eventsOf(Array.from({ length: 5 }, () => lost))).includes("end"), false);
    });

  const accepted = ok({
    kind: "disk",
    pollUrl: "https://azure/operations/1",
    retryAfterMs: undefined,
  } as const);

  it("ends with an operation that has failed: a read shows what that has left", async () => {
    const failed = ok({
      state: "failed",
      error: { ...ownError("Bad", ""), statusCode: 200 },
    } as const);
    const events = await eventsOf([accepted], { polled: failed });
    assert.deepEqual(events, ["write", "request", "end", "CloudRejected"]);
  });

  it("stays with one that Azure has accepted, though it does not say how that is doing", async () => {
    const polled = fail({ ...ownError("Conflict", ""), statusCode: 409 });
    assert.deepEqual(await eventsOf([accepted], { polled }), ["write", "request", "CloudRejected"]);
  });
});

describe("the deletion of a snapshot of which Azure makes a disk", () => {
  it("fails as long as Azure refuses it, and leaves the snapshot", async () => {
    let isCopied = true;
    const cloud = aCloud({ isThere: true, isCopied: () => isCopied });
    const remove = () =>
      settledOn(
        cloud.clock,
        cloud.provisioner.deleteSnapshot(
          { snapshotUri, objection: () => undefined },
          new AbortController().signal,
        ),
      );
    const refused = await remove();
    assert.deepEqual([refused.ok, cloud.isShown()], [false, true]);
    isCopied = false;
    assert.deepEqual([await remove(), cloud.isShown()], [ok(undefined), false]);
  });
});

describe("a list of the snapshots of a resource group", () => {
  const count = async (
    { provisioner }: ReturnType<typeof aCloud>,
    resourceGroup: string,
    signal = new AbortController().signal,
  ): Promise<number | undefined> => {
    const listed = await provisioner.listSnapshots({ resourceGroup }, signal);
    return listed.ok ? listed.value.length : undefined;
  };

  it("answers all that asked before it was sent: Azure allows 80 lists a minute", async () => {
    const cloud = aCloud({ isThere: true });
    const early = Array.from({ length: 300 }, (_, index) => count(cloud, index % 2 === 0 ? "rg-1" : "RG-1"));
    await cloud.clock.advance(LIST_MS / 2);
    const late = Array.from({ length: 300 }, () => count(cloud, "rg-1"));
    const answers = await settledOn(cloud.clock, Promise.all([...early, ...late]));
    assert.deepEqual([new Set(answers), cloud.lists()], [new Set([1]), 2]);
  });

  it("shows each caller what is there after its call", async () => {
    const cloud = aCloud({ isThere: false });
    const request = aSnapshotRequest({ snapshotUri, sourceUri: `${PROVIDER}/disks/pvc-1` });
    const made = cloud.provisioner.createSnapshot(request, new AbortController().signal);
    await cloud.clock.advance(ANSWER_MS - LIST_MS / 2);
    const before = count(cloud, "rg-1");
    await cloud.clock.advance(LIST_MS / 2 + 1);
    assert.equal(cloud.isShown(), true);
    const after = count(cloud, "rg-1");
    assert.deepEqual(await settledOn(cloud.clock, Promise.all([before, after])), [0, 1]);
    await settledOn(cloud.clock, made);
  });

  it("is not ended by one of its callers, and asks for each group", async () => {
    const cloud = aCloud({ isThere: true });
    const caller = new AbortController();
    const given = count(cloud, "rg-1", caller.signal);
    const kept = count(cloud, "rg-1");
    const other = count(cloud, "rg-2");
    caller.abort(new Error("gave up"));
    assert.deepEqual(await settledOn(cloud.clock, Promise.all([given, kept, other])), [undefined, 1, 1]);
    assert.equal(cloud.lists(), 2);
  });
});

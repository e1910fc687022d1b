import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aHistory, diskUri } from "./testing/a-history.ts";
import { watchDeletions } from "./watch-deletions.ts";

const DELETED_AT_MS = 1_000;

/** A preceding PUT of the disk, by the driver and accepted unless stated otherwise. */
interface Creation {
  readonly caller?: string;
  readonly status?: number;
}

/** What is reported when vol-1 is deleted. */
function deletion(circumstances: {
  readonly creations?: readonly Creation[];
  readonly requestedAtMs?: number;
  /** When CreateVolume has answered the disk. */
  readonly createdAtMs?: number | undefined;
  readonly caller?: string;
  readonly status?: number;
  readonly operation?: string;
}): readonly string[] {
  const {
    creations = [{}],
    requestedAtMs,
    createdAtMs,
    caller = "controller-1",
    status = 202,
    operation = "Disks_Delete",
  } = circumstances;
  const history = aHistory();
  const puts = creations.map((put) => ({
    operation: "Disks_CreateOrUpdate",
    atMs: 0,
    path: diskUri.toUpperCase(),
    status: 202,
    caller: "controller-1",
    ...put,
  }));
  const calls = [...puts, { operation, atMs: DELETED_AT_MS, path: diskUri, status, caller }];
  const entries = calls.map((call, index) => ({ sequence: index + 1, ...call }));
  const watch = watchDeletions({
    cluster: { deletionRequestedAtMs: () => requestedAtMs, createdAtMs: () => createdAtMs },
    journal: { since: (sequence) => entries.filter((one) => one.sequence > sequence) },
    elapsedMsAt: (atMs) => atMs,
    report: history.report,
  });
  watch.look();
  watch.look();
  return history.violations.map(({ detail }) => detail);
}

describe("no disk is deleted without a request", () => {
  it("reports a deletion without a request, or before the request, once", () => {
    const expected = ["controller-1 deleted vol-1, and DeleteVolume had not been called for it"];
    assert.deepEqual(deletion({ createdAtMs: DELETED_AT_MS }), expected);
    assert.deepEqual(deletion({ createdAtMs: 0, requestedAtMs: DELETED_AT_MS + 1 }), expected);
  });

  it("reports a deletion of another client's disk, unless it was requested", () => {
    const expected = ["controller-1 deleted vol-1, and DeleteVolume had not been called for it"];
    const notItsOwn: readonly (readonly Creation[])[] = [
      [],
      [{ caller: "outsider" }],
      [{ status: 409 }],
      [{}, { caller: "outsider" }],
      [{ caller: "outsider" }, {}],
    ];
    for (const creations of notItsOwn) {
      assert.deepEqual(deletion({ creations }), expected, JSON.stringify(creations));
      assert.deepEqual(deletion({ creations, requestedAtMs: DELETED_AT_MS }), [], JSON.stringify(creations));
    }
  });

  it("accepts it after DeleteVolume, or while no CreateVolume has succeeded", () => {
    assert.deepEqual(deletion({ createdAtMs: 0, requestedAtMs: DELETED_AT_MS }), []);
    // A failed copy, which was made again and answered since.
    assert.deepEqual(deletion({ createdAtMs: DELETED_AT_MS + 1 }), []);
    for (const creations of [
      [{}],
      [{ status: 500 }],
      [{}, { caller: "outsider", status: 409 }],
      [{}, { caller: "outsider", status: 500 }],
    ])
      assert.deepEqual(deletion({ creations }), [], JSON.stringify(creations));
  });

  it("accepts other clients' deletions, refusals, absent disks and other calls", () => {
    for (const one of [
      { caller: "outsider" },
      { status: 409 },
      { status: 204 },
      { operation: "Disks_Get" },
    ]) {
      assert.deepEqual(deletion({ createdAtMs: 0, ...one }), [], JSON.stringify(one));
    }
  });
});

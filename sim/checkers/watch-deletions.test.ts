import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aHistory, diskUri } from "./testing/a-history.ts";
import { watchDeletions } from "./watch-deletions.ts";

const DELETED_AT_MS = 1_000;

/** What is reported where vol-1 is deleted. */
function deletion(circumstances: {
  readonly askedAtMs?: number;
  readonly isCreated?: boolean;
  readonly caller?: string;
  readonly status?: number;
  readonly operation?: string;
}): readonly string[] {
  const { askedAtMs, isCreated = true, caller = "controller-1", status = 202, operation = "Disks_Delete" } = circumstances;
  const history = aHistory();
  const entry = { sequence: 1, atMs: DELETED_AT_MS, operation, path: diskUri, status, caller };
  const watch = watchDeletions({
    cluster: { deletionAskedAtMs: () => askedAtMs, wasCreated: () => isCreated },
    journal: { since: (sequence) => [entry].filter((one) => one.sequence > sequence) },
    elapsedMsAt: (atMs) => atMs,
    report: history.report,
  });
  watch.look();
  watch.look();
  return history.violations.map(({ detail }) => detail);
}

describe("no disk is deleted that was not asked to be", () => {
  it("reports a deletion that nothing asked for, or before it was asked for, once", () => {
    const expected = ["controller-1 deleted vol-1, and DeleteVolume had not been called for it"];
    assert.deepEqual(deletion({}), expected);
    assert.deepEqual(deletion({ askedAtMs: DELETED_AT_MS + 1 }), expected);
  });

  it("is content where DeleteVolume was called before, or CreateVolume had never succeeded", () => {
    assert.deepEqual(deletion({ askedAtMs: DELETED_AT_MS }), []);
    assert.deepEqual(deletion({ isCreated: false }), []);
  });

  it("is content with what others do, with refusals, with disks that are not there, and with other calls", () => {
    for (const one of [{ caller: "outsider" }, { status: 409 }, { status: 204 }, { operation: "Disks_Get" }]) {
      assert.deepEqual(deletion(one), [], JSON.stringify(one));
    }
  });
});

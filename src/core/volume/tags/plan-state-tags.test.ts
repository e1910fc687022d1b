import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../failure/failure.ts";
import { aDetail, agoMs, aRecord, aVolume, diskUri, identity } from "../../testing/objects.ts";
import {
  type FailedStateTags,
  type ObservedStateTags,
  planFailedStateTags,
  planStateTags,
  STATE_TAGS_AFTER_MS,
  STATE_TAGS_WITHIN_MS,
  type StateTagsAction,
} from "./plan-state-tags.ts";
import { stateTagsOf } from "./state-tags.ts";

const formatted = { fsType: "ext4", nodeName: "node-a", time: agoMs(60_000) };
const volume = aVolume({
  status: { detail: aDetail({ formatted }), record: aRecord({ quarantined: [identity("node-b")] }) },
});
const tags = stateTagsOf(volume.status);
const keep = (changed = tags): StateTagsAction => ({ kind: "KeepState", diskUri, tags: changed });
const again = (afterMs: number): StateTagsAction => ({ kind: "Requeue", afterMs });

function plan(observed: Partial<ObservedStateTags>): StateTagsAction | undefined {
  return planStateTags({
    volume,
    unchangedMs: STATE_TAGS_AFTER_MS,
    untaggedMs: STATE_TAGS_AFTER_MS,
    isMoving: false,
    ...observed,
  });
}

describe("planStateTags", () => {
  const rows: readonly {
    readonly because: string;
    readonly observed: Partial<ObservedStateTags>;
    readonly action: StateTagsAction | undefined;
  }[] = [
    {
      because: "waits until the volume has been unchanged for a while",
      observed: { unchangedMs: 4_000, untaggedMs: 4_000 },
      action: again(6_000),
    },
    { because: "waits to the last millisecond", observed: { unchangedMs: 9_999 }, action: again(1) },
    { because: "writes the tags once the volume is unchanged", observed: {}, action: keep() },
    {
      because: "plans again after a while where the disk moves",
      observed: { unchangedMs: 59_000, isMoving: true },
      action: again(STATE_TAGS_AFTER_MS),
    },
    {
      because: "waits for a disk that moves no longer than it may",
      observed: { isMoving: true, untaggedMs: STATE_TAGS_WITHIN_MS - 3_000 },
      action: again(3_000),
    },
    {
      because: "waits for a volume that changes no longer than it may",
      observed: { unchangedMs: 1_000, untaggedMs: STATE_TAGS_WITHIN_MS - 1 },
      action: again(1),
    },
    {
      because: "waits for nothing once its time is over",
      observed: { unchangedMs: 0, isMoving: true, untaggedMs: STATE_TAGS_WITHIN_MS },
      action: keep(),
    },
    {
      because: "waits for nothing where it is not known since when",
      observed: { unchangedMs: 0, isMoving: true, untaggedMs: Infinity },
      action: keep(),
    },
  ];
  for (const { because, observed, action } of rows)
    it(because, () => assert.deepEqual(plan(observed), action));

  it("plans nothing for current tags, and removes outdated ones", () => {
    const said = aVolume({ status: { ...volume.status, detail: aDetail({ formatted, stateTags: tags }) } });
    assert.equal(plan({ volume: said }), undefined);
    assert.deepEqual(
      plan({ volume: aVolume({ status: { detail: aDetail({ stateTags: tags }) } }) }),
      keep({}),
    );
  });

  it("leaves a disk alone that is not recorded yet, or is being deleted", () => {
    const { detail: _, ...status } = volume.status ?? assert.fail();
    assert.equal(plan({ volume: { ...volume, status } }), undefined);
    assert.equal(plan({ volume: { ...volume, status: undefined } }), undefined);
    assert.equal(plan({ volume: { ...volume, spec: { ...volume.spec, deleteRequested: true } } }), undefined);
  });

  // Its deletion waits for the tags.
  it("waits for nothing where the AzVolume was deleted by hand", () => {
    const deleted = { ...volume, metadata: { ...volume.metadata, deletionTimestamp: agoMs(0) } };
    assert.deepEqual(plan({ volume: deleted, unchangedMs: 0, untaggedMs: 0, isMoving: true }), keep());
    assert.equal(
      plan({ volume: { ...deleted, spec: { ...deleted.spec, deleteRequested: true } } }),
      undefined,
    );
  });
});

describe("planFailedStateTags", () => {
  const outage: Failure = { kind: "CloudUnavailable", code: "503", message: "", requestId: "r" };
  const refusal: Failure = {
    kind: "CloudUnauthorized",
    code: "AuthorizationFailed",
    message: "",
    requestId: "r",
  };
  const failed = (changes: Partial<FailedStateTags>): ReturnType<typeof planFailedStateTags> =>
    planFailedStateTags({
      failure: refusal,
      isAwaited: false,
      triedMs: 0,
      refusedVolumes: 1,
      chance: 0,
      ...changes,
    });

  const rows: readonly {
    readonly because: string;
    readonly of: Partial<FailedStateTags>;
    readonly outcome: ReturnType<typeof planFailedStateTags>;
  }[] = [
    {
      because: "reports no outage at its first attempt",
      of: { failure: outage, triedMs: 0 },
      outcome: { isReported: false, requeueAfterMs: undefined },
    },
    {
      because: "reports no outage before its own first attempt is a minute old",
      of: { failure: outage, triedMs: STATE_TAGS_WITHIN_MS - 1 },
      outcome: { isReported: false, requeueAfterMs: undefined },
    },
    {
      because: "reports an outage of a minute, and leaves the next attempt to the back-off",
      of: { failure: outage, triedMs: STATE_TAGS_WITHIN_MS },
      outcome: { isReported: true, requeueAfterMs: undefined },
    },
    {
      because: "reports an outage at once where the AzVolume was deleted by hand",
      of: { failure: outage, isAwaited: true },
      outcome: { isReported: true, requeueAfterMs: undefined },
    },
    {
      because: "reports a refusal at once, and retries after 10 minutes",
      of: {},
      outcome: { isReported: true, requeueAfterMs: 600_000 },
    },
    {
      because: "spreads attempts over a third of that",
      of: { chance: 0.5 },
      outcome: { isReported: true, requeueAfterMs: 500_000 },
    },
    {
      because: "waits no longer with 200 refused",
      of: { refusedVolumes: 200 },
      outcome: { isReported: true, requeueAfterMs: 600_000 },
    },
    {
      because: "waits longer the more are refused",
      of: { refusedVolumes: 201 },
      outcome: { isReported: true, requeueAfterMs: 603_000 },
    },
    {
      because: "retries 10,000 refused at most 30 times a minute",
      of: { refusedVolumes: 10_000, chance: 1 },
      outcome: { isReported: true, requeueAfterMs: 20_000_000 },
    },
  ];
  for (const { because, of, outcome } of rows) it(because, () => assert.deepEqual(failed(of), outcome));
});

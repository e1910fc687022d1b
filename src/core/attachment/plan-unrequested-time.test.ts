import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { VolumePod } from "../schedule/volume-pod.ts";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aPod,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  identity,
  leaving,
} from "../testing/objects.ts";
import { type RecordChanges } from "../testing/record-lists.ts";
import type { ObservedVolume } from "./observed-volume.ts";
import {
  isRequested,
  planUnrequestedTime,
  withoutUnrequestedTime,
  withUnrequestedTime,
} from "./plan-unrequested-time.ts";

const replica = aReplica("node-b");
const { writerRequest: _, ...withoutRequest } = anAttachment("node-a").spec;
const published: AzVolumeAttachment = { ...anAttachment("node-a"), spec: withoutRequest };
const nothing = { unrequestedSince: undefined };

/** A volume whose status says that it has been unrequested for a minute. */
function anUnrequested(parts: {
  readonly record?: RecordChanges;
  readonly attachments?: readonly AzVolumeAttachment[];
  readonly pods?: readonly VolumePod[];
}): ObservedVolume {
  const volume = aVolume({ status: { record: aRecord(parts.record), unrequestedSince: agoMs(60_000) } });
  return anObservedVolume({
    volume,
    attachments: parts.attachments ?? [replica],
    pods: () => parts.pods ?? [],
  });
}

describe("planUnrequestedTime", () => {
  it("records once since when no node requests the volume and no pod uses it", () => {
    assert.deepEqual(planUnrequestedTime(anObservedVolume({ attachments: [replica] })), {
      unrequestedSince: agoMs(0),
    });
    assert.equal(planUnrequestedTime(anUnrequested({})), undefined);
  });

  it("begins again where a clock that was ahead has written the time", () => {
    const ahead = aVolume({ status: { unrequestedSince: agoMs(-3_600_000) } });
    const observed = anObservedVolume({ volume: ahead, attachments: [replica] });
    const planned = planUnrequestedTime(observed) ?? assert.fail("the time stays ahead");
    assert.deepEqual(planned, { unrequestedSince: agoMs(0) });
    const { status } = ahead;
    assert.ok(status !== undefined);
    const begun = withUnrequestedTime(status, planned);
    assert.equal(begun.unrequestedSince, agoMs(0));
    assert.equal(withUnrequestedTime(begun, planned), begun);
    const again = anObservedVolume({ volume: { ...ahead, status: begun }, attachments: [replica] });
    assert.equal(planUnrequestedTime(again), undefined);
    const requested = anObservedVolume({ volume: ahead, attachments: [anAttachment("node-a"), replica] });
    assert.deepEqual(planUnrequestedTime(requested), nothing);
  });

  it("writes nothing where there is no replica that could be pruned", () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 0 } });
    for (const observed of [
      anObservedVolume(),
      anObservedVolume({ attachments: [leaving(replica)] }),
      anObservedVolume({ volume, attachments: [replica] }),
    ])
      assert.equal(planUnrequestedTime(observed), undefined);
  });

  const requested: readonly {
    readonly because: string;
    readonly parts: Parameters<typeof anUnrequested>[0];
  }[] = [
    { because: "a node requests it", parts: { attachments: [anAttachment("node-a"), replica] } },
    { because: "it is published, and its request has ended", parts: { attachments: [published, replica] } },
    { because: "it has a writer", parts: { record: { writer: aWriter("node-a") } } },
    {
      because: "its writer is recalled",
      parts: { record: { writer: aWriter("node-a", { requested: false }) } },
    },
    { because: "a node is being fenced", parts: { record: { fencing: identity("node-a") } } },
    { because: "a pod waits for a node", parts: { pods: [aPod({ nodeName: "" })] } },
    {
      because: "a pod is being deleted, and its successor follows",
      parts: { pods: [aPod({ isPending: false, isTerminating: true })] },
    },
  ];
  for (const { because, parts } of requested) {
    it(`removes the time where ${because}`, () => {
      const observed = anUnrequested(parts);
      assert.deepEqual(planUnrequestedTime(observed), nothing);
      const status = observed.volume.status;
      assert.ok(status !== undefined);
      const volume = { ...observed.volume, status: withUnrequestedTime(status, nothing) };
      assert.equal(
        planUnrequestedTime({ ...observed, volume }),
        undefined,
        "plans nothing once its own plan has been carried out",
      );
    });
  }
});

describe("planUnrequestedTime while the pods are still being listed", () => {
  it("neither writes nor removes the time, and counts the volume as requested", () => {
    const unlisted = { pods: () => undefined };
    for (const observed of [
      anObservedVolume({ attachments: [replica], ...unlisted }),
      { ...anUnrequested({}), ...unlisted },
    ]) {
      assert.equal(planUnrequestedTime(observed), undefined);
      assert.equal(isRequested(observed), true);
    }
  });
});

describe("withUnrequestedTime", () => {
  const { status } = aVolume();
  const planned = { unrequestedSince: agoMs(0) };
  assert.ok(status !== undefined);

  it("keeps an earlier time: a second controller does not postpone the pruning", () => {
    const earlier = { ...status, unrequestedSince: agoMs(9_000) };
    assert.deepEqual(withUnrequestedTime(earlier, planned), earlier);
  });

  it("writes no time where a writer was granted since the plan", () => {
    const granted = { ...status, record: aRecord({ writer: aWriter("node-a") }) };
    assert.deepEqual(withUnrequestedTime(granted, planned), granted);
  });

  it("is removed by a grant", () => {
    assert.deepEqual(withoutUnrequestedTime(withUnrequestedTime(status, planned)), status);
  });
});

describe("planUnrequestedTime of a volume with a request", () => {
  it("is removed by the request of a node that is no primary yet", () => {
    const attachments = [aReplica("node-a", { spec: { writerRequest: { since: agoMs(0) } } })];
    const volume = aVolume({ status: { unrequestedSince: agoMs(9_000) } });
    assert.deepEqual(planUnrequestedTime(anObservedVolume({ volume, attachments })), {
      unrequestedSince: undefined,
    });
  });

  it("is absent before there is a status to write it to", () => {
    const { status: _, ...volume } = aVolume();
    assert.equal(
      planUnrequestedTime(anObservedVolume({ volume, attachments: [aReplica("node-a")] })),
      undefined,
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter } from "../../src/core/testing/objects.ts";
import type { SimPod } from "../kubernetes/sim-cluster.ts";
import { aHistory, aVolume, diskUri } from "./testing/a-history.ts";
import { watchGrants } from "./watch-grants.ts";

const aPod: SimPod = {
  name: "db-0",
  uid: "pod-1",
  volumeName: "vol-1",
  nodeName: "node-a",
  phase: "Pending",
  isReady: false,
  isDeleted: false,
};
const SEEN_FOR_MS = 3_000;
const SEEN_LATE_MS = 180_000;

interface Circumstances {
  readonly pods?: readonly SimPod[];
  /** How long before the grant the pods were deleted, in milliseconds. Default: they exist. */
  readonly goneForMs?: number;
  /** How long before their deletion the store was changed last, in milliseconds. Default 0. */
  readonly quietForMs?: number;
  readonly isNewsLate?: boolean;
  readonly held?: boolean;
  readonly by?: string;
}

/** A volume without a writer is granted to node-a. */
async function aGrant({
  pods = [],
  goneForMs,
  quietForMs = 0,
  isNewsLate = false,
  held = false,
  by = "controller-1",
}: Circumstances): Promise<readonly string[]> {
  const history = aHistory();
  let present = pods;
  const listeners: ((pod: SimPod) => void)[] = [];
  const cluster = {
    pods: () => present,
    onPodGone: (listener: (pod: SimPod) => void) => listeners.push(listener),
    diskUriOf: () => diskUri,
  };
  watchGrants({ ...history, cluster, outside: { isNewsLate: () => isNewsLate } });
  history.commit({ kind: "Lease", name: "lease", before: undefined, after: undefined });
  if (goneForMs !== undefined) {
    await history.clock.advance(quietForMs);
    present = [];
    for (const pod of pods) for (const listener of listeners) listener(pod);
    await history.clock.advance(goneForMs);
  }
  history.commit({
    kind: "AzVolume",
    name: "vol-1",
    by,
    before: aVolume(),
    after: aVolume({ writer: aWriter("node-a", { held }) }),
  });
  return history.invariants();
}

describe("grants if nodes attach by themselves", () => {
  it("reports a grant if no pod is bound", async () => {
    assert.deepEqual(await aGrant({}), ["granted-unasked"]);
    assert.deepEqual(await aGrant({ pods: [{ ...aPod, nodeName: "node-b" }] }), ["granted-unasked"]);
    assert.deepEqual(await aGrant({ pods: [aPod], goneForMs: SEEN_FOR_MS + 1 }), ["granted-unasked"]);
    assert.deepEqual(await aGrant({ pods: [aPod], goneForMs: SEEN_LATE_MS + 1, isNewsLate: true }), [
      "granted-unasked",
    ]);
  });

  const fine: readonly ({ readonly because: string } & Circumstances)[] = [
    { because: "a pod is bound there", pods: [aPod] },
    { because: "a controller may still see the pod", pods: [aPod], goneForMs: SEEN_FOR_MS },
    {
      because: "the pod has just gone, long after the last change of the store",
      pods: [aPod],
      quietForMs: SEEN_FOR_MS + 1,
      goneForMs: 0,
    },
    {
      because: "a controller may still see the pod, since news is late",
      pods: [aPod],
      goneForMs: SEEN_LATE_MS,
      isNewsLate: true,
    },
    { because: "the node has reclaimed it", held: true, by: "node-a" },
  ];
  for (const { because, ...circumstances } of fine)
    it(`reports none if ${because}`, async () => assert.deepEqual(await aGrant(circumstances), []));
});

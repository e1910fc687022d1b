import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { createTrace } from "../../create-trace.ts";
import { type ApiKinds, newNode } from "../api/api-objects.ts";
import { createApiServer } from "../api/api-server.ts";
import { createApiView } from "../api/api-view.ts";
import { createTaskGroup } from "../api/task-group.ts";
import { workload } from "../testing/a-cluster.ts";
import { runScheduler } from "./scheduler.ts";

/** Longer than a decision needs to be bound. */
const POD_DELAY_MS = 50;
const LATER_MS = 200;

const { volumeName } = workload;
const pod: ApiKinds["Pod"] = {
  name: "db-0",
  uid: "pod-1",
  volumeName,
  nodeName: undefined,
  phase: "Pending",
  isReady: false,
  isStopped: false,
  isDeleted: false,
};
const claim: ApiKinds["Claim"] = {
  name: volumeName,
  uid: "claim-1",
  workload,
  sizeGiB: 10,
  capacityGiB: 10,
  volumeClass: undefined,
  selectedNode: undefined,
  isBound: true,
  isDeleted: false,
};
const volume: ApiKinds["PersistentVolume"] = {
  name: volumeName,
  uid: "pv-1",
  volumeId: "disk-1",
  claimUid: claim.uid,
  workload,
  volumeContext: {},
  sizeGiB: 10,
  volumeClass: undefined,
  zones: undefined,
  isKeptByAttacher: false,
  isDeleted: false,
};
const node = (name: string): ApiKinds["Node"] =>
  newNode({ name, uid: name, zone: "1", location: "eastus", instanceUri: name });

/** A scheduler that sees changes of pods late, and how often it has chosen a node. */
function aScheduler() {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const api = createApiServer();
  const tasks = createTaskGroup(new AbortController().signal, (error) => {
    throw error;
  });
  const view = createApiView({
    api,
    clock,
    random,
    tasks,
    delayMs: () => [POD_DELAY_MS, POD_DELAY_MS],
    untilReachable: () => Promise.resolve(),
    kinds: ["Pod", "Node", "Claim", "PersistentVolume", "VolumeAttachment"],
  });
  const asked: string[] = [];
  runScheduler({ api, view, clock, random, tasks, trace: createTrace(clock) }, (name, nodes) => {
    asked.push(name);
    return nodes.map((nodeName) => ({ nodeName, score: 0 }));
  });
  return { clock, api, asked };
}

describe("runScheduler", () => {
  it("chooses a pod's node once, also while its view lacks the binding", async () => {
    const { clock, api, asked } = aScheduler();
    for (const name of ["node-a", "node-b"]) api.put("Node", node(name));
    api.put("Claim", claim);
    api.put("PersistentVolume", volume);
    await clock.advance(LATER_MS);
    const boundTo: string[] = [];
    api.onChange(({ kind, current }) => {
      if (kind === "Pod" && current !== undefined && "nodeName" in current && current.nodeName !== undefined)
        boundTo.push(current.nodeName);
    });
    api.put("Pod", pod);
    // The node's change arrives after the binding, and before the view shows that.
    await clock.advance(POD_DELAY_MS / 2);
    api.change("Node", "node-a", { volumesInUse: [volumeName] });
    await clock.advance(LATER_MS);
    assert.deepEqual([asked, boundTo.length], [[volumeName], 1]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { aReplica, aVolume, diskUri } from "../core/testing/objects.ts";
import type { LogFields, Logger } from "../ports/logger.ts";
import { type AnswerExtender, createExtender, type ExtenderAnswer, type ExtenderVerb } from "./extender.ts";
import { attachmentFacts, type ClaimFacts, volumeFacts } from "./facts.ts";
import { createPlacementIndex, SEEN_MAX_MS } from "./placement-index.ts";
import { aClaim, aCluster, aHealthyNode, aStorageClass } from "./testing/a-cluster.ts";

const pod = {
  metadata: { name: "web-0", namespace: "default" },
  spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
};
const freshPod = {
  ...pod,
  spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "fresh" } }] },
};
const never = new AbortController().signal;
const nodeNames = ["node-a", "node-b", "node-c"];
const requestBody = JSON.stringify({ Pod: pod, Nodes: null, NodeNames: nodeNames });
/** Answers each request at once. */
const alone =
  (answer: AnswerExtender) =>
  (verb: ExtenderVerb, body: string): ExtenderAnswer => {
    const answered = answer(verb, body, never);
    assert.ok(!(answered instanceof Promise), "the extender waits for a claim");
    return answered;
  };
const read = (answer: ExtenderAnswer) => JSON.parse(answer.body);

/**
 * A cluster of three nodes where a pod's volume is attached to node-b as a replica, and node-c has fallen
 * silent.
 */
function anExtender(overrides: { readonly whyNotReady?: () => string | undefined } = {}) {
  const cluster = aCluster();
  const clock = createVirtualClock();
  const index = createPlacementIndex({ caches: cluster, heartbeatStaleMs: 35_000, clock });
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const note = (message: string, fields?: LogFields): void => void lines.push([message, fields]);
  const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => logger };
  cluster.claims.put(aClaim({ volumeName: "pv-1" }));
  cluster.persistentVolumes.put({
    metadata: { name: "pv-1", resourceVersion: "1" },
    diskKey: diskUri.toLowerCase(),
  });
  cluster.volumes.put(volumeFacts(aVolume()));
  cluster.attachments.put(attachmentFacts(aReplica("node-b")));
  cluster.nodes.put(aHealthyNode("node-a"));
  cluster.nodes.put(aHealthyNode("node-b"));
  cluster.nodes.put({ ...aHealthyNode("node-c"), isReady: false });
  const extender = createExtender({ index, whyNotReady: () => undefined, logger, ...overrides });
  return { extender, answer: alone(extender), index, lines, clock, cluster };
}

describe("the extender", () => {
  it("keeps a pod off nodes without room, and prefers nodes with its volumes", () => {
    const { answer, lines } = anExtender();
    const filtered = answer("filter", requestBody);
    assert.deepEqual(read(filtered), {
      Nodes: null,
      NodeNames: ["node-a", "node-b"],
      FailedNodes: {},
      FailedAndUnresolvableNodes: { "node-c": "node(s) with an Azure Disk node plug-in that is not ready" },
      Error: "",
    });
    assert.deepEqual([filtered.outcome, filtered.removed], ["answered", new Map([["not-ready", 1]])]);
    assert.deepEqual(read(answer("prioritize", requestBody)), [
      { Host: "node-a", Score: 0 },
      { Host: "node-b", Score: 5 },
      { Host: "node-c", Score: 0 },
    ]);
    assert.deepEqual(lines, []);
  });

  it("lets a scheduler evict pods only where the pod's volumes can be used", () => {
    const { answer } = anExtender();
    const victims = { Pods: [{ UID: "uid-1" }], NumPDBViolations: 2 };
    const candidates = { "node-a": victims, "node-c": victims, "node-bare": victims };
    const preemption = (ofPod: unknown): string =>
      JSON.stringify({ Pod: ofPod, NodeNameToVictims: null, NodeNameToMetaVictims: candidates });
    const answered = answer("preempt", preemption(pod));
    assert.deepEqual(read(answered), { NodeNameToMetaVictims: { "node-a": victims } });
    assert.deepEqual(answered.removed, new Map([["not-ready", 1], ["no-plug-in", 1]])); // prettier-ignore
    assert.deepEqual(read(answer("preempt", preemption({ ...pod, spec: {} }))), {
      NodeNameToMetaVictims: candidates,
    });
  });

  it("sends a pod to no nominated node that can't take its volumes", () => {
    const { answer } = anExtender();
    const namesFor = (nominatedNodeName: string, names: readonly string[]): unknown => {
      const nominated = { ...pod, status: { nominatedNodeName } };
      return read(answer("filter", JSON.stringify({ Pod: nominated, NodeNames: names }))).NodeNames;
    };
    assert.deepEqual(namesFor("node-c", ["node-c"]), []);
    assert.deepEqual(namesFor("node-b", ["node-b"]), ["node-b"]);
    // The only node that a scheduler offers, but not as a nominated one.
    assert.deepEqual(namesFor("node-a", ["node-c"]), ["node-c"]);
  });

  it("leaves a pod its nominated node where the scheduler sends no other then", () => {
    const { answer } = anExtender();
    const namesOf = (uid: string, names: readonly string[]): unknown => {
      const metadata = { ...pod.metadata, uid };
      const nominated = { ...pod, metadata, status: { nominatedNodeName: "node-c" } };
      return read(answer("filter", JSON.stringify({ Pod: nominated, NodeNames: names }))).NodeNames;
    };
    const cycle = (): readonly unknown[] => [namesOf("1", ["node-c"]), namesOf("1", ["node-c"])];
    assert.deepEqual([...cycle(), ...cycle()], [[], ["node-c"], [], ["node-c"]]);
    // Another pod, or other nodes in between: the first request of the next cycle.
    assert.deepEqual([namesOf("1", ["node-c"]), namesOf("2", ["node-c"])], [[], []]);
    assert.deepEqual([namesOf("1", ["node-c"]), namesOf("1", nodeNames)], [[], ["node-a", "node-b"]]);
    assert.deepEqual(namesOf("1", ["node-c"]), []);
  });

  // Of a part of the nodes that has the plug-in, none may have room for the pod.
  it("sends a pod to no node that has had no plug-in for long, the only one or not", async () => {
    const { answer, clock, cluster } = anExtender();
    const namesFor = (...names: readonly string[]): unknown =>
      read(answer("filter", JSON.stringify({ Pod: pod, NodeNames: names }))).NodeNames;
    assert.deepEqual(namesFor("node-bare", "node-a"), ["node-a"]);
    await clock.advance(200_000);
    assert.deepEqual(namesFor("node-bare", "node-new"), ["node-bare", "node-new"]);
    await clock.advance(100_000);
    const filtered = answer("filter", JSON.stringify({ Pod: pod, NodeNames: ["node-bare"] }));
    assert.deepEqual(read(filtered).NodeNames, []);
    assert.deepEqual(read(filtered).FailedAndUnresolvableNodes, {
      "node-bare": "node(s) without the Azure Disk node plug-in",
    });
    assert.deepEqual(namesFor("node-bare", "node-new"), ["node-new"]);
    assert.deepEqual(namesFor("node-bare", "node-c"), ["node-c"]);
    cluster.nodes.put({ ...aHealthyNode("node-bare"), isReady: false });
    assert.deepEqual(namesFor("node-bare"), ["node-bare"]);
  });

  it("leaves all nodes to the scheduler where it knows no plug-in at all", async () => {
    const { answer, clock, cluster } = anExtender();
    const namesFor = (...names: readonly string[]): unknown =>
      read(answer("filter", JSON.stringify({ Pod: pod, NodeNames: names }))).NodeNames;
    assert.deepEqual(namesFor("node-bare"), ["node-bare"]);
    await clock.advance(300_000);
    for (const nodeName of nodeNames) cluster.nodes.remove(nodeName);
    assert.deepEqual(namesFor("node-bare"), ["node-bare"]);
  });

  it("lets a pod without the driver's volumes go anywhere", () => {
    const { answer, cluster } = anExtender();
    cluster.persistentVolumes.put({ metadata: { name: "pv-of-files", resourceVersion: "1" }, diskKey: "" });
    cluster.claims.put(
      aClaim({
        metadata: { name: "data", namespace: "other", resourceVersion: "1" },
        volumeName: "pv-of-files",
      }),
    );
    for (const other of [
      { ...pod, spec: {} },
      { ...pod, metadata: { name: "web-0", namespace: "other" } },
      null,
      7,
    ]) {
      const body = JSON.stringify({ Pod: other, NodeNames: nodeNames });
      assert.deepEqual(read(answer("filter", body)).NodeNames, nodeNames);
      assert.deepEqual(
        read(answer("prioritize", body)),
        nodeNames.map((Host) => ({ Host, Score: 0 })),
      );
    }
  });

  it("answers neutrally before it knows the cluster, and logs that", () => {
    const { answer, lines } = anExtender({ whyNotReady: () => "azvolumes have not been listed" });
    const filtered = answer("filter", requestBody);
    assert.deepEqual([filtered.outcome, read(filtered).NodeNames], ["neutral", nodeNames]);
    assert.deepEqual(
      read(answer("prioritize", requestBody)),
      nodeNames.map((Host) => ({ Host, Score: 0 })),
    );
    const victims = { NodeNameToMetaVictims: { "node-c": { Pods: [{ UID: "uid-1" }] } } };
    const preempted = answer("preempt", JSON.stringify({ Pod: pod, ...victims }));
    assert.deepEqual([preempted.outcome, read(preempted)], ["neutral", victims]);
    assert.deepEqual(
      lines,
      ["filter", "prioritize", "preempt"].map((verb) => [
        "extender answers neutrally",
        { verb, reason: "azvolumes have not been listed" },
      ]),
    );
  });

  it("waits for claims that its own watches have not brought, or what they name", async () => {
    const rows: readonly {
      readonly because: string;
      readonly claim: ClaimFacts | undefined;
      readonly comes: (cluster: ReturnType<typeof aCluster>) => void;
    }[] = [
      {
        because: "the claim itself",
        claim: undefined,
        comes: ({ claims }) => claims.put(aClaim({ name: "fresh", volumeName: "pv-1" })),
      },
      {
        because: "the claim's class",
        claim: aClaim({ name: "fresh", className: "late" }),
        comes: ({ storageClasses }) => storageClasses.put(aStorageClass("late")),
      },
      {
        because: "the claim's PersistentVolume",
        claim: aClaim({ name: "fresh", volumeName: "pv-2" }),
        comes: ({ persistentVolumes }) =>
          persistentVolumes.put({ metadata: { name: "pv-2", resourceVersion: "1" }, diskKey: "/disks/2" }),
      },
    ];
    const body = JSON.stringify({ Pod: freshPod, Nodes: null, NodeNames: nodeNames });
    for (const { because, claim, comes } of rows) {
      const { extender, answer, cluster, clock, lines } = anExtender();
      if (claim !== undefined) cluster.claims.put(claim);
      const later = extender("filter", body, never);
      assert.ok(later instanceof Promise, because);
      await clock.advance(SEEN_MAX_MS - 1);
      // Another scheduler's request, with other names, in between.
      const other = JSON.stringify({ Pod: pod, Nodes: null, NodeNames: ["node-c"] });
      assert.deepEqual(read(answer("filter", other)).NodeNames, ["node-c"]);
      comes(cluster);
      assert.deepEqual(read(await later).NodeNames, ["node-a", "node-b"], because);
      assert.deepEqual(lines, [], because);
    }
  });

  it("answers without a claim that does not come, and logs that", async () => {
    const { extender, clock, lines } = anExtender();
    const body = JSON.stringify({ Pod: freshPod, Nodes: null, NodeNames: nodeNames });
    const ask = (signal: AbortSignal) => extender("filter", body, signal);
    const later = ask(never);
    await clock.advance(SEEN_MAX_MS);
    assert.deepEqual(read(await later).NodeNames, nodeNames);
    const line = ["extender answers without claims that it has not seen", { claims: ["default/fresh"] }];
    assert.deepEqual(lines, [line]);
    // At once, where the scheduler asks no longer.
    const leaving = new AbortController();
    const aborted = ask(leaving.signal);
    leaving.abort();
    assert.deepEqual(read(await aborted).NodeNames, nodeNames);
    assert.deepEqual(read(await ask(AbortSignal.abort())).NodeNames, nodeNames);
  });

  it("delays no pod because of a bug of its own", () => {
    const { index, lines } = anExtender();
    const bug = (): never => assert.fail("a bug");
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message) => void lines.push([message, undefined]),
      child: () => logger,
    };
    for (const broken of [
      { ...index, findNodes: bug },
      { ...index, unseenClaims: bug },
    ]) {
      const answer = alone(createExtender({ index: broken, whyNotReady: () => undefined, logger }));
      const filtered = answer("filter", requestBody);
      assert.deepEqual([filtered.outcome, read(filtered).NodeNames], ["neutral", nodeNames]);
      assert.deepEqual(lines.splice(0), [["extender failed on a request: a bug", undefined]]);
    }
  });

  it("refuses what it can't read, and logs a line", () => {
    const { answer, lines } = anExtender();
    const filtered = answer("filter", "{");
    assert.deepEqual([filtered.outcome, read(filtered).NodeNames], ["refused", null]);
    assert.match(read(filtered).Error, /^the body is not JSON/u);
    assert.deepEqual([read(answer("prioritize", "[]")), lines.length], [[], 2]);
    const preempted = answer("preempt", requestBody);
    assert.deepEqual([preempted.outcome, lines.length], ["refused", 3]);
    assert.match(read(preempted).Error, /^there are neither NodeNameToMetaVictims nor/u);
  });
});

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { FIRST_START_TIMEOUT_MS, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import { type ScheduledCluster, startScheduledCluster } from "./scheduled-cluster.ts";

const NODES = ["node-a", "node-b", "node-c", "node-d"];
const MANY_NODES = 200;
const TEST_TIMEOUT_MS = 1_500_000;

const missing = await whyNoApiServer();

describe(
  "Kubernetes' scheduler with the extender",
  { skip: missing ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let started: ScheduledCluster | undefined;
    after(() => started?.close());

    function cluster(): ScheduledCluster {
      if (started === undefined) throw new Error("there is no cluster");
      return started;
    }

    it("comes up with nodes of all kinds", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
      started = await startScheduledCluster((line) => t.diagnostic(line));
      for (const name of NODES) await started.addNode(name, "ready");
      await started.addNode("node-without-plug-in", "none");
      await started.addNode("node-not-ready", "not-ready");
      await started.startScheduler("names");
    });

    it(
      "sends each pod to its attached volume, whatever else favours other nodes",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        // Three pods each: the scheduler spreads pods, and would otherwise put no two on one node.
        for (const [at, nodeName] of [...NODES, ...NODES, ...NODES].entries()) {
          await cluster().addClaim(`data-${at}`, [nodeName]);
          assert.equal(await cluster().schedule(`replicated-${at}`, [`data-${at}`]), nodeName);
        }
      },
    );

    // A Deployment starts its new pod before the old one ends, which only the same node allows.
    it(
      "sends a volume's second pod to its writer's node, though others are less loaded",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        await cluster().addClaim("rolled", NODES, "node-a");
        const labels = { app: "rolled" };
        const spec = { affinity: { podAntiAffinity: apartFrom(labels) } };
        const requests = { cpu: "1500m", memory: "3Gi" };
        const old = { labels, spec: { ...spec, nodeName: "node-a" }, requests };
        assert.equal(await cluster().schedule("rolled-old", ["rolled"], old), "node-a");
        const surge = { labels, spec, requests };
        assert.equal(await cluster().schedule("rolled-new", ["rolled"], surge), "node-a");
      },
    );

    // After a failover both of its pods may be on one node: it has ended the old pod by then.
    for (const { whose, owner, pods } of [
      {
        whose: "a StatefulSet's",
        owner: { apiVersion: "apps/v1", kind: "StatefulSet" },
        pods: { "database-0": ["data-database-0"], "database-1": ["data-database-1"] },
      },
      {
        whose: "a database operator's",
        owner: { apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster" },
        pods: { "pg-1": ["pg-1", "pg-1-wal"], "pg-2": ["pg-2", "pg-2-wal"] },
      },
    ])
      it(
        `spreads ${whose} pods over the nodes that have their volumes`,
        { timeout: TEST_TIMEOUT_MS },
        async () => {
          const labels = { owner: owner.kind };
          const spec = { affinity: { podAntiAffinity: apartFrom(labels) } };
          const [sibling, restarted] = Object.entries(pods);
          assert.ok(sibling !== undefined && restarted !== undefined);
          for (const name of sibling[1]) await cluster().addClaim(name, ["node-a"], "node-a");
          const there = { owner, labels, spec: { ...spec, nodeName: "node-a" } };
          assert.equal(await cluster().schedule(...sibling, there), "node-a");
          for (const name of restarted[1]) await cluster().addClaim(name, ["node-a", "node-b"], "node-a");
          assert.equal(await cluster().schedule(...restarted, { owner, labels, spec }), "node-b");
        },
      );

    it("sends a pod of two volumes where both are", { timeout: TEST_TIMEOUT_MS }, async () => {
      await cluster().addClaim("left", ["node-a", "node-b"]);
      await cluster().addClaim("right", ["node-b", "node-c"]);
      assert.equal(await cluster().schedule("both", ["left", "right"]), "node-b");
    });

    it(
      "keeps pods off nodes whose plug-in is missing or not ready",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        for (let at = 0; at < 6; at++) {
          await cluster().addClaim(`new-${at}`, []);
          assert.ok(NODES.includes(await cluster().schedule(`unattached-${at}`, [`new-${at}`])));
        }
      },
    );

    it(
      "selects a node with a plug-in for a claim that is not bound yet",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        for (let at = 0; at < 3; at++) {
          await cluster().addUnboundClaim(`late-${at}`);
          const selected = await cluster().selectNodes(`first-consumer-${at}`, [`late-${at}`]);
          assert.ok(NODES.includes(selected[0] ?? ""), selected[0]);
        }
      },
    );

    it(
      "selects a node in a clone's zone for the clone, and for the pod's other claim",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        await cluster().addNode("node-zonal", "ready", { zone: "1" });
        await cluster().addZonalClaim("original", "1");
        // The scheduler prefers all other nodes.
        const filler = { spec: { nodeName: "node-zonal" }, requests: { cpu: "3800m", memory: "7Gi" } };
        assert.equal(await cluster().schedule("filler-of-node-zonal", [], filler), "node-zonal");
        await cluster().addUnboundClaim("clone", "original");
        await cluster().addUnboundClaim("beside-clone");
        const selected = await cluster().selectNodes("of-clone", ["clone", "beside-clone"]);
        assert.deepEqual(selected, ["node-zonal", "node-zonal"]);
      },
    );

    it(
      "names a clone, its source and the zone if no node is there",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        await cluster().addZonalClaim("remote", "3");
        await cluster().addUnboundClaim("clone-of-remote", "remote");
        // A node without a plug-in may get one, and be anywhere.
        const spec = { affinity: { nodeAffinity: onlyOn(NODES) } };
        const why = await cluster().whyUnschedulable("of-clone-of-remote", ["clone-of-remote"], { spec });
        assert.match(
          why,
          / 4 node\(s\) outside eastus-3, where claim default\/clone-of-remote has to be made as a copy of/u,
        );
        assert.match(why, / as a copy of claim default\/remote[.,]/u);
      },
    );

    it("lets a pod without volumes go anywhere", { timeout: TEST_TIMEOUT_MS }, async () => {
      // The two empty nodes that other tests avoid are the ones that the scheduler prefers.
      assert.match(await cluster().schedule("stateless", []), /^node-(?:without-plug-in|not-ready)$/u);
    });

    it(
      "sends a volume's second pod to its writer's node against all preferences",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        const taint = { key: "leaving", effect: "PreferNoSchedule" };
        await cluster().addNode("node-worn", "ready", { taints: [taint] });
        const images = [{ names: ["none:latest"], sizeBytes: 20_000_000_000 }];
        await cluster().addNode("node-fresh", "ready", { images });
        await cluster().addClaim("worn", ["node-worn", "node-fresh"], "node-worn");
        const labels = { app: "worn" };
        const old = { labels, spec: { nodeName: "node-worn" }, requests: { cpu: "3800m" } };
        assert.equal(await cluster().schedule("worn-old", ["worn"], old), "node-worn");
        const onHosts = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } };
        const fresh = { key: "kubernetes.io/hostname", operator: "In", values: ["node-fresh"] };
        const nodeAffinity = {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, preference: { matchExpressions: [fresh] } },
          ],
        };
        const spec = {
          affinity: { nodeAffinity, podAntiAffinity: apartFrom(labels) },
          topologySpreadConstraints: [{ maxSkew: 1, whenUnsatisfiable: "ScheduleAnyway", ...onHosts }],
        };
        assert.equal(await cluster().schedule("worn-new", ["worn"], { labels, spec }), "node-worn");
      },
    );

    it("evicts pods only where the pod's volumes can be used", { timeout: TEST_TIMEOUT_MS }, async () => {
      await cluster().addNode("node-bare", "none");
      await cluster().addNode("node-tight", "ready");
      await cluster().addClaim("urgent", ["node-tight"]);
      // The scheduler prefers the victim of the lower priority.
      const victims = { "node-bare": undefined, "node-tight": "system-cluster-critical" };
      for (const [nodeName, priorityClassName] of Object.entries(victims)) {
        const spec = { nodeName, priorityClassName, terminationGracePeriodSeconds: 0 };
        const filler = { spec, requests: { cpu: "3900m" } };
        assert.equal(await cluster().schedule(`filler-of-${nodeName}`, [], filler), nodeName);
      }
      const spec = {
        priorityClassName: "system-node-critical",
        affinity: { nodeAffinity: onlyOn(Object.keys(victims)) },
      };
      const urgent = { spec, requests: { cpu: "1" } };
      assert.equal(await cluster().schedule("urgent", ["urgent"], urgent), "node-tight");
      assert.equal(await cluster().isStaying("filler-of-node-bare"), true);
      assert.equal(await cluster().isStaying("filler-of-node-tight"), false);
    });

    it(
      "leaves a nominated node whose plug-in is not ready for one that has the volume",
      { timeout: TEST_TIMEOUT_MS },
      async () => {
        await cluster().addClaim("nominated", ["node-c"]);
        const nominated = { nominatedNodeName: "node-not-ready" };
        assert.equal(await cluster().schedule("nominated", ["nominated"], nominated), "node-c");
        // As without a nomination, where no other node can take the pod.
        const affinity = { nodeAffinity: onlyOn(["node-not-ready"]) };
        const restricted = { ...nominated, spec: { affinity } };
        await cluster().addClaim("restricted", []);
        assert.equal(await cluster().schedule("restricted", ["restricted"], restricted), "node-not-ready");
      },
    );

    // From 100 nodes on, a scheduler left to itself stops at half of them or fewer.
    it("sends each pod to its volume also among many nodes", { timeout: TEST_TIMEOUT_MS }, async () => {
      for (let at = 0; at < MANY_NODES; at++) await cluster().addNode(`many-${at}`, "ready");
      for (let at = 0; at < 8; at++) {
        const nodeName = `many-${at * 20}`;
        await cluster().addClaim(`far-${at}`, [nodeName]);
        assert.equal(await cluster().schedule(`in-many-${at}`, [`far-${at}`]), nodeName);
      }
    });

    it("does the same if the scheduler sends full nodes", { timeout: TEST_TIMEOUT_MS }, async () => {
      await cluster().startScheduler("full");
      await cluster().addClaim("full", ["node-d"]);
      assert.equal(await cluster().schedule("in-full", ["full"]), "node-d");
    });

    it("has received requests, and answered all of them", { timeout: TEST_TIMEOUT_MS }, async () => {
      const metrics = await (await fetch(`http://${cluster().extender()}/metrics`)).text();
      const count = (verb: string): number =>
        Number(
          new RegExp(`requests_total\\{verb="${verb}",outcome="answered"\\} (\\d+)`, "u").exec(
            metrics,
          )?.[1] ?? 0,
        );
      assert.ok(count("filter") >= 21 && count("prioritize") >= 21 && count("preempt") >= 1, metrics);
      assert.doesNotMatch(metrics, /outcome="(?:neutral|refused|aborted)"/u);
    });

    it("schedules pods without the extender", { timeout: TEST_TIMEOUT_MS }, async () => {
      await cluster().addClaim("alone", ["node-a"]);
      await cluster().killExtender();
      assert.match(await cluster().schedule("without-extender", ["alone"]), /^(?:node|many)-/u);
    });
  },
);

/** To run on these nodes alone. */
function onlyOn(nodeNames: readonly string[]): object {
  const expression = { key: "kubernetes.io/hostname", operator: "In", values: nodeNames };
  return {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [expression] }],
    },
  };
}

/** To run on other hosts than the pods with these labels, if possible. */
function apartFrom(labels: Readonly<Record<string, string>>): object {
  const podAffinityTerm = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } };
  return { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] };
}

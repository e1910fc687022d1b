import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { isAttached } from "../attachment/attachment-state.ts";
import { isTerminating, maxSharesOf, type ObservedVolume } from "../attachment/observed-volume.ts";
import { holdsShare, planAttachment } from "../attachment/plan-attachment.ts";
import { planReplicas } from "../attachment/replicas/plan-replicas.ts";
import { reachesBeyondNode } from "../schedule/pod-fits-node.ts";
import type { Labels, NeighbourPod, SpreadView } from "../schedule/pod-rules.ts";
import { aNeighbour, aPod as aPodWithRules, aTerm } from "../schedule/testing/placement.ts";
import type { VolumeUse } from "../schedule/volume-use.ts";
import { applyPlans, mayWrite, sharesTaken } from "../testing/apply-plans.ts";
import {
  aDiskSpec,
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  identity,
  leaving,
  unchangedFor,
} from "../testing/objects.ts";
import { listIn } from "../testing/record-lists.ts";
import { planWriter } from "./plan-writer.ts";
import { isNamed } from "./record/record-nodes.ts";
import { withdraw } from "./record/writer-steps.ts";

/** More rounds than any plan needs here: beyond them it cycles. */
const ROUNDS_MAX = 60;

const nodeNames = ["node-a", "node-b", "node-c", "node-d", "node-e"] as const;
const nodeName = fc.constantFrom(...nodeNames);
const state = fc.constantFrom(
  ...(["Pending", "Attaching", "Attached", "AttachmentFailed", "Detaching", "DetachmentFailed"] as const),
);

const givenUp = {
  state: "AttachmentFailed",
  error: { kind: "NodeNotFound", message: "", failure: "", time: agoMs(1_000), retries: 99 },
} as const;

const attachment = fc
  .record({
    nodeName,
    isPrimary: fc.boolean(),
    wants: fc.boolean(),
    state,
    isOwn: fc.boolean(),
    leaves: fc.boolean(),
    requestAgeMs: fc.nat(600_000),
  })
  .map(
    ({ nodeName: name, isPrimary, wants, state: drawn, isOwn, leaves, requestAgeMs }): AzVolumeAttachment => {
      const spec = wants && isPrimary ? { writerRequest: { since: agoMs(requestAgeMs) } } : {};
      const isOwnDetach = isOwn && (drawn === "Detaching" || drawn === "DetachmentFailed");
      const status =
        drawn === "Pending" ? undefined : { state: drawn, lun: 0, ...(isOwnDetach ? { attempt: "1" } : {}) };
      const { writerRequest: _, ...withoutRequest } = anAttachment(name).spec;
      const primary = { ...anAttachment(name, { status }), spec: { ...withoutRequest, ...spec } };
      const made = isPrimary ? primary : aReplica(name, { status });
      return leaves ? leaving(made) : made;
    },
  );

/**
 * A record that the steps can have produced: a fence of an unrequested holder, of an unverified node, or
 * of one that has released since.
 */
const record = fc
  .record({
    writer: fc.option(fc.record({ nodeName, held: fc.boolean(), requested: fc.boolean() }), {
      nil: undefined,
    }),
    quarantined: fc.uniqueArray(nodeName, { maxLength: 2 }),
    unverified: fc.uniqueArray(nodeName, { maxLength: 1 }),
    isFencing: fc.boolean(),
    releasedWhileFenced: fc.option(nodeName, { nil: undefined }),
    isFound: fc.boolean(),
  })
  .map(({ writer, quarantined, unverified, isFencing, releasedWhileFenced, isFound }): WriterRecord => {
    const free = (name: string): boolean => name !== writer?.nodeName;
    const isFenced = isFencing && writer?.held === true && !writer.requested;
    const fenced = isFenced
      ? writer.nodeName
      : releasedWhileFenced === writer?.nodeName
        ? undefined
        : releasedWhileFenced;
    return aRecord({
      ...(writer === undefined
        ? {}
        : {
            writer: {
              ...identity(writer.nodeName),
              held: writer.held,
              requested: writer.requested,
              epoch: 1,
            },
          }),
      ...(fenced === undefined ? {} : { fencing: identity(fenced) }),
      quarantined: quarantined.filter(free).map(identity),
      unverified: unverified.filter(free).map(identity),
      defaultAccess: isFound ? "quarantined" : "clean",
    });
  });

const observed = fc
  .record({
    record,
    attachments: fc.uniqueArray(attachment, { selector: (made) => made.spec.nodeName, maxLength: 5 }),
    maxShares: fc.integer({ min: 1, max: 4 }),
    replicas: fc.nat(3),
    out: fc.uniqueArray(nodeName, { maxLength: 1 }),
    unrequestedForMs: fc.option(fc.nat(600_000), { nil: undefined }),
    hasPod: fc.boolean(),
    writerUse: fc.constantFrom<VolumeUse>(
      { kind: "used", users: [] },
      { kind: "unused" },
      { kind: "unknown" },
    ),
  })
  .map(
    ({
      record: drawn,
      attachments,
      maxShares,
      replicas,
      out,
      writerUse,
      unrequestedForMs,
      hasPod,
    }): ObservedVolume => {
      const nodes = nodeNames.map((name) => aNode(name, { isOutOfService: out.includes(name) }));
      const unrequested = unrequestedForMs === undefined ? {} : { unrequestedSince: agoMs(unrequestedForMs) };
      const volume = aVolume({
        spec: { disk: aDiskSpec({ maxShares }), maxMountReplicaCount: Math.min(replicas, maxShares - 1) },
        status: { record: drawn, ...unrequested },
      });
      const pods = (): ReturnType<ObservedVolume["pods"]> => (hasPod ? [aPod()] : []);
      return anObservedVolume({ volume, nodes, attachments, writerUse, pods });
    },
  );

/**
 * A volume that several nodes write, without a record, and healthy nodes: some of its attachments are
 * primaries, at most as many as there are shares.
 */
const shared = fc
  .record({
    attachments: fc.uniqueArray(attachment, { selector: (made) => made.spec.nodeName, maxLength: 5 }),
    unchangedMs: fc.array(fc.constantFrom(0, 299_999, 300_000, 900_000), { minLength: 5, maxLength: 5 }),
    maxShares: fc.integer({ min: 2, max: 5 }),
    replicas: fc.nat(4),
    pods: fc.array(fc.record({ nodeName, isPending: fc.boolean() }), { maxLength: 3 }),
  })
  .map(({ attachments, unchangedMs, maxShares, replicas, pods }): ObservedVolume => {
    const { record: _, ...status } =
      aVolume({ spec: { disk: aDiskSpec({ maxShares }) } }).status ?? assert.fail();
    const volume = aVolume({
      spec: {
        disk: aDiskSpec({ maxShares }),
        maxMountReplicaCount: Math.min(replicas, maxShares - 1),
        capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }],
      },
    });
    const primaries = attachments.filter(({ spec }) => spec.role === "Primary").slice(0, maxShares);
    return anObservedVolume({
      volume: { ...volume, status },
      nodes: nodeNames.map((name) => aNode(name)),
      attachments: attachments
        .map((made) =>
          made.spec.role === "Primary" && !primaries.includes(made) ? aReplica(made.spec.nodeName) : made,
        )
        .map((made, index) => unchangedFor(unchangedMs[index] ?? 0, made)),
      pods: () => pods.map((pod) => aPod(pod)),
    });
  });

/** The same once it has kept replicas that are too many for long enough, and no pod waits. */
function muchLater(seen: ObservedVolume): ObservedVolume {
  const attachments = seen.attachments.map(({ attachment: made }) => unchangedFor(300_000, made));
  return anObservedVolume({ ...seen, nodes: seen.nodes, attachments, pods: () => [] });
}

/** The staying attachments of a role. */
function ofRole(seen: ObservedVolume, role: "Primary" | "Replica"): readonly AzVolumeAttachment[] {
  return seen.attachments
    .map(({ attachment: made }) => made)
    .filter((made) => made.spec.role === role && !isTerminating(made));
}

const term = fc
  .record({
    topologyKey: fc.constantFrom("kubernetes.io/hostname", "topology.kubernetes.io/zone"),
    app: fc.constantFrom("db", "web"),
  })
  .map(({ topologyKey, app }) =>
    aTerm({ topologyKey, selector: [{ key: "app", operator: "In", values: [app] }] }),
  );
const inNewPool = { key: "pool", operator: "In", values: ["new"] };
const terms = fc.array(term, { maxLength: 1 });

/** Rules of the volume's pods, other pods by node, some with volumes, and the nodes' labels. */
const rules = fc.record({
  own: fc.array(
    fc.record({
      nodeSelector: fc.constantFrom({}, {}, { pool: "new" }),
      podAffinity: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: terms }),
      podAntiAffinity: terms,
      spread: fc.array(
        fc.record({
          topologyKey: fc.constantFrom("kubernetes.io/hostname", "topology.kubernetes.io/zone"),
          maxSkew: fc.constantFrom(1, 2),
          minDomains: fc.constantFrom(1, 2, 3),
          selector: fc.constant([{ key: "app", operator: "In", values: ["db"] }]),
          honorsAffinity: fc.boolean(),
          honorsTaints: fc.boolean(),
        }),
        { maxLength: 2 },
      ),
      nodeName: fc.constantFrom("node-a", "node-b", ""),
      volumeAffinities: fc.constantFrom(
        [],
        [],
        [{ volumeName: "pv-log", terms: [{ matchExpressions: [inNewPool], matchFields: [] }] }],
      ),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  others: fc.array(
    fc.record({
      on: nodeName,
      app: fc.constantFrom("db", "web"),
      podAntiAffinity: terms,
      hasVolumes: fc.boolean(),
      isTerminating: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  zones: fc.array(fc.constantFrom("1", "2"), { minLength: nodeNames.length, maxLength: nodeNames.length }),
  pools: fc.array(fc.constantFrom("old", "new"), {
    minLength: nodeNames.length,
    maxLength: nodeNames.length,
  }),
  companions: fc.array(fc.nat(2), { minLength: nodeNames.length, maxLength: nodeNames.length }),
});
type Rules = typeof rules extends fc.Arbitrary<infer T> ? T : never;

function labelsOf({ zones, pools }: Rules, name: string): Labels {
  const at = nodeNames.findIndex((other) => other === name);
  return {
    "kubernetes.io/hostname": name,
    "topology.kubernetes.io/zone": zones[at] ?? "",
    pool: pools[at] ?? "",
  };
}

function repelsWidely({ podAntiAffinity }: Pick<NeighbourPod, "podAntiAffinity">): boolean {
  return podAntiAffinity.some(reachesBeyondNode);
}

/** As the adapter reads them: `placementOn` knows only pods with volumes, on that node or by a wider rule. */
function placementsOf(drawn: Rules): Pick<ObservedVolume, "placement" | "placementOn" | "companionCounts"> {
  const pods = drawn.own.map((own, index) =>
    aPodWithRules({ ...own, name: `own-${index}`, nodeLabels: labelsOf(drawn, own.nodeName) }),
  );
  const spreadView: SpreadView = {
    nodes: nodeNames.map((name) => ({ nodeName: name, labels: labelsOf(drawn, name), taints: [] })),
    pods: [
      ...pods.map((own) => ({ ...own, isTerminating: false })),
      ...drawn.others.map(({ on, app, isTerminating }, index) => ({
        namespace: "default",
        name: `other-${index}`,
        labels: { app },
        nodeName: on,
        isTerminating,
      })),
    ],
  };
  const neighbours = drawn.others.map(({ on, app, podAntiAffinity, hasVolumes }) => ({
    on,
    hasVolumes,
    pod: aNeighbour(on, { labels: { app }, podAntiAffinity, nodeLabels: labelsOf(drawn, on) }),
  }));
  return {
    placement: () => ({ pods, neighbours: neighbours.map(({ pod }) => pod), spreadView }),
    placementOn: (name) => ({
      pods,
      spreadView,
      neighbours: neighbours
        .filter(({ on, hasVolumes, pod }) => hasVolumes && (on === name || [...pods, pod].some(repelsWidely)))
        .map(({ pod }) => pod),
    }),
    companionCounts: () => new Map(nodeNames.map((name, at) => [name, drawn.companions[at] ?? 0])),
  };
}

const trouble = fc.record(
  {
    vmId: fc.constant("earlier-vm"),
    isReady: fc.boolean(),
    isGone: fc.boolean(),
    isUnschedulable: fc.boolean(),
    isOutOfService: fc.boolean(),
    isQuarantined: fc.boolean(),
    taints: fc.constant([{ key: "spot", value: "", effect: "NoSchedule" }]),
    heartbeatUnchangedMs: fc.nat(600_000),
  },
  { requiredKeys: [] },
);

/** A served volume in a cluster with all kinds of trouble, some of whose attachments were given up. */
const troubled = fc
  .record({
    record,
    attachments: fc.uniqueArray(
      fc.record({ made: attachment, isGivenUp: fc.boolean() }).map(({ made, isGivenUp }) => ({
        ...made,
        ...(isGivenUp ? { status: givenUp } : {}),
      })),
      { selector: (made) => made.spec.nodeName, maxLength: 3 },
    ),
    maxShares: fc.integer({ min: 2, max: 4 }),
    nodes: fc.subarray(
      nodeNames.map((name) => name),
      { minLength: 2 },
    ),
    changes: fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, trouble), {
      minLength: nodeNames.length,
      maxLength: nodeNames.length,
    }),
    pods: fc.array(nodeName, { maxLength: 2 }),
    isWell: fc.boolean(),
    rules,
  })
  .map((drawn): ObservedVolume => {
    const { attachments, maxShares, nodes, changes, isWell, rules: drawnRules } = drawn;
    const served = anAttachment("node-a");
    const others = attachments
      .filter(({ spec }) => spec.nodeName !== "node-a")
      .map((other) => (isWell ? aReplica(other.spec.nodeName) : other));
    const names = isWell ? nodeNames : nodes;
    return anObservedVolume({
      volume: aVolume({
        spec: { disk: aDiskSpec({ maxShares }), maxMountReplicaCount: maxShares - 1 },
        status: { record: isWell ? aRecord({ writer: aWriter("node-a") }) : drawn.record },
      }),
      nodes: names.map((name, index) =>
        aNode(name, {
          ...(isWell && name === "node-a" ? {} : changes[index]),
          labels: labelsOf(drawnRules, name),
        }),
      ),
      attachments: [served, ...others],
      pods: () => (isWell ? [] : drawn.pods.map((name) => aPod({ nodeName: name }))),
      ...placementsOf(drawnRules),
    });
  });

describe("the plans of a volume, carried out over and over", () => {
  // Azure and the store would be called without end.
  it("delete no replica that the plan before has created", () => {
    fc.assert(
      fc.property(troubled, (seen) => {
        const created = planReplicas(seen).flatMap((action) =>
          action.kind === "CreateReplica" ? aReplica(action.nodeName, { status: undefined }) : [],
        );
        fc.pre(created.length > 0);
        const attachments = [...seen.attachments.map(({ attachment: other }) => other), ...created];
        const next = anObservedVolume({ ...seen, nodes: seen.nodes, attachments });
        const names = created.map(({ metadata }) => metadata.name);
        const deleted = planReplicas(next).flatMap((action) =>
          action.kind === "DeleteAttachment" && names.includes(action.attachmentName) ? action.because : [],
        );
        assert.deepEqual(deleted, []);
      }),
      { numRuns: 1_000 },
    );
  });

  // Each detach and attach takes seconds, and leaves the volume without that replica for so long.
  it("replace each replica at most once while nothing else changes", () => {
    fc.assert(
      fc.property(troubled, (start) => {
        let seen = start;
        const deleted: string[] = [];
        for (let round = 0; round < ROUNDS_MAX; round++) {
          const actions = planReplicas(seen);
          const created = actions.flatMap((action) =>
            action.kind === "CreateReplica" ? aReplica(action.nodeName) : [],
          );
          const names = actions.flatMap((action) =>
            action.kind === "DeleteAttachment" ? action.attachmentName : [],
          );
          if (created.length + names.length === 0) return;
          deleted.push(...names);
          assert.equal(new Set(deleted).size, deleted.length, deleted.join(", "));
          const attachments = [...seen.attachments.map(({ attachment: other }) => other), ...created];
          const left = attachments.filter(({ metadata }) => !names.includes(metadata.name));
          seen = anObservedVolume({ ...seen, nodes: seen.nodes, attachments: left });
        }
        assert.fail("it does not end");
      }),
      { numRuns: 3_000 },
    );
  });

  // A failover needs both volumes on one node.
  it("keep that surplus replica which the other volume of the pod has, too", () => {
    const others = nodeNames.filter((name) => name !== "node-a");
    const replicasOn = fc.subarray(others, { minLength: 1 });
    const volume = aVolume({
      spec: { disk: aDiskSpec({ maxShares: nodeNames.length }), maxMountReplicaCount: 1 },
      status: { record: aRecord({ writer: aWriter("node-a") }) },
    });
    const nodes = nodeNames.map((name) => aNode(name));
    const keptBeside = (own: readonly string[], other: readonly string[]): readonly string[] => {
      const attachments = [anAttachment("node-a"), ...own.map((name) => aReplica(name))];
      const companionCounts = (): ReadonlyMap<string, number> => new Map(other.map((name) => [name, 1]));
      const deleted = planReplicas(anObservedVolume({ volume, nodes, attachments, companionCounts })).map(
        (action) => (action.kind === "DeleteAttachment" ? action.attachmentName : assert.fail(action.kind)),
      );
      return own.filter((name) => !deleted.includes(aReplica(name).metadata.name));
    };
    fc.assert(
      fc.property(replicasOn, replicasOn, fc.boolean(), (left, right, isAtOnce) => {
        const leftKept = keptBeside(left, right);
        const rightKept = keptBeside(right, isAtOnce ? left : leftKept);
        assert.deepEqual([leftKept.length, rightKept.length], [1, 1]);
        if (left.some((name) => right.includes(name))) assert.deepEqual(leftKept, rightKept);
      }),
    );
  });

  it("reach a fixed point", () => {
    fc.assert(
      fc.property(observed, (start) => {
        const end = passBarrier(start);
        assert.deepEqual(workLeft(end), []);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never let two nodes write, and only requested nodes become the writer", () => {
    fc.assert(
      fc.property(observed, (start) => {
        passBarrier(start, (before, after) => {
          assert.ok(mayWrite(after).length <= 1);
          const writer = after.volume.status?.record?.writer;
          const earlier = before.volume.status?.record?.writer;
          if (writer === undefined || writer.epoch === earlier?.epoch) return;
          assert.ok(
            before.attachments.some(
              ({ attachment: other }) =>
                other.spec.nodeName === writer.nodeName && other.spec.writerRequest !== undefined,
            ),
          );
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it("never attach the disk to more VMs than may share it", () => {
    fc.assert(
      fc.property(observed, (start) => {
        passBarrier(start, (before, after) =>
          assert.ok(sharesTaken(after) <= Math.max(sharesTaken(before), maxSharesOf(after.volume))),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  // Other changes of one need not trigger the others.
  it("of attachments depend only on which of the others hold a share", () => {
    fc.assert(
      fc.property(observed, attachment, (seen, drawn) => {
        const present = seen.attachments.map(({ attachment: other }) => other);
        const before = present.find(({ spec }) => spec.nodeName === drawn.spec.nodeName);
        fc.pre((before !== undefined && holdsShare(seen, before)) === holdsShare(seen, drawn));
        const others = present.filter((other) => other !== before);
        const changed = anObservedVolume({ ...seen, nodes: seen.nodes, attachments: [...others, drawn] });
        for (const other of others)
          assert.deepEqual(planAttachment(changed, other), planAttachment(seen, other));
      }),
      { numRuns: 2_000 },
    );
  });

  it("never delete the attachment of a writer, a requesting or an unverified node", () => {
    fc.assert(
      fc.property(observed, (start) => {
        for (const action of planReplicas(start)) {
          if (action.kind !== "DeleteAttachment") continue;
          const target = start.attachments.find(
            ({ attachment: other }) => other.metadata.name === action.attachmentName,
          )?.attachment;
          assert.ok(
            target !== undefined && target.spec.role === "Replica" && target.spec.writerRequest === undefined,
          );
          const named = start.volume.status?.record;
          assert.notEqual(named?.writer?.nodeName, target.spec.nodeName);
          assert.ok(listIn(named, "unverified").every((node) => node.nodeName !== target.spec.nodeName));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("never prune a replica of a volume that is requested, fails over or has a pod", () => {
    fc.assert(
      fc.property(observed, (start) => {
        const record = start.volume.status?.record;
        const isUsed =
          start.attachments.some(
            ({ attachment: other }) => other.spec.role === "Primary" && !isTerminating(other),
          ) || start.pods()?.length !== 0;
        fc.pre(isUsed || record?.writer !== undefined || record?.fencing !== undefined);
        assert.ok(
          planReplicas(start).every(
            (action) => action.kind !== "DeleteAttachment" || action.onlyWhile?.kind !== "Unrequested",
          ),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it("serve the oldest request in the end, once the writer's request has ended", () => {
    fc.assert(
      fc.property(observed, nodeName, (drawn, name) => {
        fc.pre(
          drawn.nodes().every((node) => !node.isOutOfService) &&
            !drawn.attachments.some(({ attachment: other }) => other.spec.writerRequest !== undefined),
        );
        const others = drawn.attachments
          .map(({ attachment: other }) => other)
          .filter((other) => other.spec.nodeName !== name);
        const replicas = others.map((other) => ({
          ...other,
          spec: { ...other.spec, role: "Replica" as const },
        }));
        const end = passBarrier(
          anObservedVolume({
            ...drawn,
            volume: released(drawn),
            attachments: [...replicas, anAttachment(name, { status: undefined })],
          }),
        );
        const record = end.volume.status?.record;
        assert.ok(isNamed(record, identity(name), "writer"));
        assert.equal(
          end.attachments.find(({ attachment: other }) => other.spec.nodeName === name)?.attachment.status
            ?.state,
          "Attached",
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("the plans of a volume that several nodes write", () => {
  /**
   * Until nothing changes, then the same once the pods have gone, and once the replicas are due that are too
   * many since.
   */
  const settle = (start: ObservedVolume, look?: Parameters<typeof passBarrier>[1]): ObservedVolume =>
    passBarrier(muchLater(passBarrier(muchLater(passBarrier(start, look)), look)), look);

  it("reach a fixed point with the replicas asked for that primaries leave shares", () => {
    fc.assert(
      fc.property(shared, (start) => {
        const end = settle(start);
        assert.deepEqual(workLeft(end), []);
        const [primaries, replicas] = [ofRole(end, "Primary"), ofRole(end, "Replica")];
        const { maxMountReplicaCount } = end.volume.spec;
        const room = Math.min(maxSharesOf(end.volume), nodeNames.length) - primaries.length;
        // Given up, or kept while it is not requested.
        fc.pre(primaries.length > 0 && replicas.every(isAttached));
        assert.equal(replicas.length, Math.min(maxMountReplicaCount, room));
      }),
      { numRuns: 2_000 },
    );
  });

  it("never attach the disk to more VMs than may share it", () => {
    fc.assert(
      fc.property(shared, (start) => {
        settle(start, (before, after) =>
          assert.ok(sharesTaken(after) <= Math.max(sharesTaken(before), maxSharesOf(after.volume))),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it("delete no primary, and serve every one of them", () => {
    fc.assert(
      fc.property(shared, (start) => {
        const namesOf = (made: readonly AzVolumeAttachment[]): readonly string[] =>
          made.map(({ metadata }) => metadata.name);
        const end = ofRole(settle(start), "Primary");
        const names = namesOf(end);
        assert.ok(namesOf(ofRole(start, "Primary")).every((name) => names.includes(name)));
        assert.ok(end.every(({ status }) => status?.state === "Attached"));
      }),
      { numRuns: 2_000 },
    );
  });

  it("delete no replica that the plan before has created", () => {
    fc.assert(
      fc.property(shared, (start) => {
        const created = planReplicas(start).flatMap((action) =>
          action.kind === "CreateReplica" ? aReplica(action.nodeName, { status: undefined }) : [],
        );
        fc.pre(created.length > 0);
        const attachments = [...start.attachments, ...created.map((made) => unchangedFor(300_000, made))];
        const deleted = planReplicas(anObservedVolume({ ...start, nodes: start.nodes, attachments })).flatMap(
          (action) => (action.kind === "DeleteAttachment" ? action.attachmentName : []),
        );
        const names = created.map(({ metadata }) => metadata.name);
        assert.deepEqual(
          deleted.filter((name) => names.includes(name)),
          [],
        );
      }),
      { numRuns: 1_000 },
    );
  });

  // A pod that moves in good order finds the disk on its next node, and on the one that it comes from.
  it("detach nothing while a pod moves from one of its nodes to a replica", () => {
    fc.assert(
      fc.property(shared, (drawn) => {
        const start = settle(drawn);
        const [primaries, replicas] = [ofRole(start, "Primary"), ofRole(start, "Replica")];
        const [from, to] = [primaries[0], replicas[0]];
        fc.pre(from !== undefined && to !== undefined && isAttached(to) && primaries.length > 1);
        const moved = (made: AzVolumeAttachment, role: "Primary" | "Replica"): AzVolumeAttachment => {
          const { writerRequest: _, ...spec } = made.spec;
          const request = role === "Primary" ? { writerRequest: { since: agoMs(0) } } : {};
          return { ...made, spec: { ...spec, ...request, role } };
        };
        const kept = (seen: ObservedVolume): readonly string[] =>
          seen.attachments.map(({ attachment: made }) => made.metadata.name);
        const withRoles = (
          seen: ObservedVolume,
          role: "Primary" | "Replica",
          whose: string,
        ): ObservedVolume =>
          anObservedVolume({
            ...seen,
            nodes: seen.nodes,
            attachments: seen.attachments.map((other) =>
              other.attachment.metadata.name === whose
                ? unchangedFor(0, moved(other.attachment, role))
                : other,
            ),
          });
        const left = passBarrier(withRoles(start, "Replica", from.metadata.name));
        assert.deepEqual(kept(left), kept(start));
        const arrived = passBarrier(withRoles(left, "Primary", to.metadata.name));
        assert.deepEqual(kept(arrived), kept(start));
      }),
      { numRuns: 500 },
    );
  });
});

/** The volume after its writer's request was withdrawn. */
function released(drawn: ObservedVolume): ObservedVolume["volume"] {
  const { volume } = drawn;
  const record = volume.status?.record;
  if (volume.status === undefined || record?.writer === undefined) return volume;
  const ended = withdraw(record, record.writer);
  return ended.ok ? { ...volume, status: { ...volume.status, record: ended.value } } : volume;
}

/** Executes the plans until nothing changes any more. */
function passBarrier(
  start: ObservedVolume,
  look: (before: ObservedVolume, after: ObservedVolume) => void = () => {},
): ObservedVolume {
  let present = start;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const next = applyPlans(present);
    look(present, next);
    if (JSON.stringify(next) === JSON.stringify(present)) return present;
    present = next;
  }
  return assert.fail(`the plans cycle: ${JSON.stringify(present)}`);
}

/** The remaining actions of the plans, without waits and reports. */
function workLeft(end: ObservedVolume): readonly string[] {
  const idle = new Set(["WaitFor", "Report", "ReplicasMissing", "Requeue", "Wait", "ReleaseCheck"]);
  const attachments = end.attachments.flatMap(({ attachment: other }) => planAttachment(end, other) ?? []);
  return [...planWriter(end), ...planReplicas(end), ...attachments]
    .map((action) => action.kind)
    .filter((kind) => !idle.has(kind));
}

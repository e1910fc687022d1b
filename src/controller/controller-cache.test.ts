import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../core/failure/result.ts";
import {
  anAttachment,
  aRecord,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
  settings,
} from "../core/testing/objects.ts";
import { listIn } from "../core/testing/record-lists.ts";
import { compareAttachments } from "./adoption/compare-attachments.ts";
import { knownUse, rebuildVolume } from "./adoption/rebuild-record.ts";
import { createControllerCache } from "./controller-cache.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { askIfGone } from "./fencing/ask-if-gone.ts";
import { nodeNameOf } from "./node-of-vm.ts";
import { reportIgnoredNodes } from "./nodes/report-ignored-nodes.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const never = new AbortController().signal;
const RESCUE = instanceUriOf("rescue");
const rescue = { nodeName: RESCUE, vmId: RESCUE, instanceUri: RESCUE };

/** The same ports with an Azure that names these VMs for the disk, which sits on each of them at LUN 5. */
function withDiskOn(world: ReconcileWorld, ...attachedTo: readonly string[]): ControllerPorts {
  const { cloud } = world.ports;
  return {
    ...world.ports,
    cloud: {
      ...cloud,
      getDisk: () => Promise.resolve(ok(aDisk({ attachedTo }))),
      inspectInstance: async (request, signal) => {
        const found = await cloud.inspectInstance(request, signal);
        return found.ok
          ? ok({ ...found.value, dataDisks: [{ diskUri, lun: 5, beingDetached: false }] })
          : found;
      },
    },
  };
}

/** node-c reports in its AzDriverNode a VM that is no node; its Node names its own VM. */
async function withLiar(
  act: (world: ReconcileWorld, ports: ControllerPorts) => Promise<void>,
  record = aRecord({ epoch: 1 }),
): Promise<void> {
  await withControllerPorts(async (world) => {
    world.instances.set(RESCUE, "vm-of-rescue");
    world.instances.set(instanceUriOf("node-c"), identity("node-c").vmId);
    await world.given("AzDriverNode", aDriverNode("node-c", { instanceUri: RESCUE, vmId: "vm-of-rescue" }));
    await world.given("AzVolume", aVolumeWithRecord(record));
    await act(world, withDiskOn(world, RESCUE));
  });
}

describe("an AzDriverNode that reports another node's VM", () => {
  it("does not make a VM with a disk a node: it is recorded as foreign", () =>
    withLiar(async (world, ports) => {
      const volume = world.volume() ?? assert.fail("pvc-1 is gone");
      await world.answerOf(compareAttachments(ports, volume, aDisk({ attachedTo: [RESCUE] }), never));
      assert.deepEqual(
        [listIn(world.record(), "unverified"), world.attachment("node-c")],
        [[rescue], undefined],
      );
    }));

  it("gives no name to a foreign VM that a record lists as unverified", () =>
    withLiar(
      async (world, ports) => {
        const confirmed = await world.answerOf(
          askIfGone(ports, { volumeName: "pvc-1", volumeId: diskUri }, rescue, never),
        );
        assert.deepEqual([confirmed.ok, listIn(world.record(), "unverified")], [true, [rescue]]);
      },
      aRecord({ epoch: 1, unverified: [rescue] }),
    ));

  it("is ignored, except for its checkpoints and its heartbeat, and is reported", () =>
    withLiar(async (world) => {
      const { cache } = world.ports;
      assert.deepEqual([cache.get("AzDriverNode", "node-c"), cache.list("AzDriverNode")], [undefined, []]);
      assert.equal(
        await world.answerOf(
          cache.waitUntil("AzDriverNode", "node-c", (node) => node === undefined, 0, never),
        ),
        true,
      );
      assert.deepEqual(
        cache.reportedNodes().map(({ metadata }) => metadata.name),
        ["node-c"],
      );
      reportIgnoredNodes(world.ports);
      const message =
        `AzDriverNode node-c is ignored: it reports the VM ${RESCUE}, ` +
        `and node node-c is the VM ${instanceUriOf("node-c")}`;
      assert.deepEqual(world.emitted, [
        { about: { kind: "AzDriverNode", name: "node-c" }, reason: "NodeIgnored", message },
      ]);
    }));

  for (const liar of ["node-a", "node-z"])
    it(`does not let ${liar} reclaim what another node writes, where no Node names a VM`, () =>
      withControllerPorts(async (world) => {
        world.nodeNames.clear();
        for (const name of [liar, "node-b"]) world.instances.set(instanceUriOf(name), identity(name).vmId);
        await world.given(
          "AzDriverNode",
          aDriverNode(liar, { vmId: identity("node-b").vmId, instanceUri: instanceUriOf("node-b") }),
        );
        await world.given("AzDriverNode", aDriverNode("node-b"));
        await world.given(
          "AzVolume",
          aVolumeWithRecord(aRecord({ epoch: 3, writer: aWriter("node-b", { epoch: 3 }) })),
        );
        await world.given("AzVolumeAttachment", anAttachment("node-b"));
        const volume = world.volume() ?? assert.fail("pvc-1 is gone");
        const ports = withDiskOn(world, instanceUriOf("node-b"));
        await world.answerOf(rebuildVolume(ports, volume, { kind: "lost", storeIncarnation: 1 }, never));
        assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-b")]);
      }));
});

describe("of two nodes that the orchestrator names on one VM", () => {
  /** Both Nodes name the VM of node-a; that of node-b is the one which is heard. */
  const believedOf = async (world: ReconcileWorld, reportedByB: string): Promise<readonly string[]> => {
    await world.given("AzDriverNode", aDriverNode("node-a"));
    await world.given("AzDriverNode", aDriverNode("node-b", { instanceUri: reportedByB }));
    const { users } = world.ports;
    const both = {
      cachedNode: (name: string) => ({ ...users.cachedNode(name), instanceUri: instanceUriOf("node-a") }),
      cachedNodeNameOf: (uri: string) => (uri === instanceUriOf("node-a") ? "node-b" : undefined),
    };
    const seen = createControllerCache(world.cache, { users: both, trustsUnnamed: false, settings });
    return ["node-a", "node-b"].filter((name) => seen.get("AzDriverNode", name) !== undefined);
  };

  it("only the present one is believed once its plug-in reports from there", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await believedOf(world, instanceUriOf("node-a")), ["node-b"]);
    }));

  it("the other is believed where the present one reports from elsewhere", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await believedOf(world, instanceUriOf("node-b")), ["node-a"]);
    }));
});

describe("a node of which the orchestrator names no VM", () => {
  const strict = (world: ReconcileWorld): ControllerPorts => {
    const { cache, users } = world.ports;
    return { ...world.ports, cache: createControllerCache(cache, { users, trustsUnnamed: false, settings }) };
  };

  it("is ignored where only Nodes are believed, and reported after a delay", () =>
    withControllerPorts(async (world) => {
      world.nodeNames.clear();
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const ports = strict(world);
      assert.deepEqual(
        [ports.cache.get("AzDriverNode", "node-a"), nodeNameOf(ports, instanceUriOf("node-a"))],
        [undefined, undefined],
      );
      reportIgnoredNodes(ports);
      assert.deepEqual(world.emitted, []);
      await world.clock.runUntil(() => false, 60_000);
      reportIgnoredNodes(ports);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["NodeIgnored"],
      );
    }));

  it("is listed once its Node is gone, for pruning, and makes no VM a node", () =>
    withControllerPorts(async (world) => {
      world.gone.add("node-a");
      world.nodeNames.delete(instanceUriOf("node-a"));
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const ports = strict(world);
      assert.deepEqual(
        [
          ports.cache.get("AzDriverNode", "node-a")?.metadata.name,
          nodeNameOf(ports, instanceUriOf("node-a")),
        ],
        ["node-a", undefined],
      );
      assert.deepEqual(ports.cache.ignoredDriverNodes(), []);
    }));

  it("stays the node to whose VM a controller has attached a disk, if it is that VM", () =>
    withControllerPorts(async (world) => {
      world.gone.add("node-c");
      world.nodeNames.delete(instanceUriOf("node-c"));
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1 })));
      await world.given("AzVolumeAttachment", aReplica("node-c"));
      const volume = world.volume() ?? assert.fail("pvc-1 is gone");
      const ports = { ...strict(world), cloud: withDiskOn(world, instanceUriOf("node-c")).cloud };
      await world.answerOf(
        compareAttachments(ports, volume, aDisk({ attachedTo: [instanceUriOf("node-c")] }), never),
      );
      assert.deepEqual([listIn(world.record(), "unverified"), world.emitted], [[], []]);
    }));
});

// As a kubelet leaves it that registers under another name, until a person deletes the earlier Node.
describe("of two nodes that report one VM, and of which the orchestrator names none", () => {
  const namesOf = ({ ports }: ReconcileWorld): readonly string[] =>
    ports.cache.list("AzDriverNode").map(({ metadata }) => metadata.name);
  const withBoth = (act: (world: ReconcileWorld) => Promise<void>): Promise<void> =>
    withControllerPorts(async (world) => {
      world.nodeNames.clear();
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const { vmId, instanceUri } = identity("node-a");
      await world.given("AzDriverNode", aDriverNode("node-b", { vmId, instanceUri }));
      await act(world);
    });
  const untilSilent = async (world: ReconcileWorld, nodeName: string): Promise<void> => {
    for (let beats = 0; beats < 10; beats += 1) {
      await world.clock.advance(settings.heartbeatStaleMs / 5);
      await world.beat(nodeName);
    }
  };

  it("neither is believed while both have a Node, though one is silent", () =>
    withBoth(async (world) => {
      await untilSilent(world, "node-b");
      assert.deepEqual(namesOf(world), []);
    }));

  it("the other is believed once the Node of one is gone, and its plug-in is silent", () =>
    withBoth(async (world) => {
      world.gone.add("node-a");
      assert.deepEqual(namesOf(world), ["node-a"]);
      await untilSilent(world, "node-b");
      assert.deepEqual(namesOf(world), ["node-a", "node-b"]);
      assert.equal(nodeNameOf(world.ports, instanceUriOf("node-a")), "node-b");
    }));

  it("neither is the VM's node once both Nodes are gone, and both are silent", () =>
    withBoth(async (world) => {
      for (const name of ["node-a", "node-b"]) world.gone.add(name);
      await world.given("AzDriverNode", aDriverNode("node-c"));
      await untilSilent(world, "node-c");
      assert.equal(nodeNameOf(world.ports, instanceUriOf("node-a")), undefined);
    }));
});

describe("the checkpoint of a node whose VM is not believed", () => {
  const checkpoints = { volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 1 }] };
  const rows = [
    {
      because: "no Node names its VM, and it reports that of another node",
      reported: { instanceUri: RESCUE },
      isNamed: false,
      attachedTo: [],
      checkpointed: [],
    },
    {
      because: "its Node names its VM: it may have the disk there",
      reported: { instanceUri: RESCUE },
      isNamed: true,
      attachedTo: [],
      checkpointed: [identity("node-c")],
    },
    {
      because: "it reports another GUID for a VM than Azure",
      reported: { vmId: "a-lie" },
      isNamed: true,
      attachedTo: [{ node: identity("node-c"), lun: 1, beingDetached: false }],
      checkpointed: [],
    },
  ];
  for (const { because, reported, isNamed, attachedTo, checkpointed } of rows)
    it(`makes ${checkpointed.length === 0 ? "no VM" : "its own VM"} unverified where ${because}`, () =>
      withControllerPorts(async (world) => {
        if (!isNamed) world.nodeNames.clear();
        await world.given("AzDriverNode", aDriverNode("node-c", { ...checkpoints, ...reported }));
        await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1 })));
        const { cache, users } = world.ports;
        const ports = {
          ...world.ports,
          cache: createControllerCache(cache, { users, trustsUnnamed: false, settings }),
        };
        assert.deepEqual(
          knownUse(ports, world.volume() ?? assert.fail("pvc-1 is gone"), attachedTo).checkpointed,
          checkpointed,
        );
      }));
});

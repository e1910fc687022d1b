import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { fail } from "../../core/failure/result.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import {
  aReplica,
  aVolume,
  aVolumeWithRecord,
  anAttachment,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { type RecordChanges } from "../../core/testing/record-lists.ts";
import { grant, acquire } from "../../core/writer/record/writer-steps.ts";
import type { ForcedDetaches, MayCompleteDetach } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { forcedDetaches, mayCompleteDetach } from "./foreign-detach.ts";

const never = new AbortController().signal;
const node = identity("node-a");
const writer = { ...node, epoch: 5, held: true, requested: true };

/** That of the attach whose update it is. */
const attempt = "attach-1";

/** The VM that had node-a's resource id before. */
const replaced = { ...node, vmId: "vm-before-node-a" };
/** The VM of node-a, which has registered under another name. */
const renamed = { ...node, nodeName: "node-renamed" };

const used: VolumeUse = { kind: "used", users: ["pod default/db-0"] };

/** Of several nodes that may write. */
const shared = aVolume({
  spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
  status: { record: undefined },
});

/** Calls it as an update of node-a does, with the disk in Azure's spelling. */
function asked(
  { ports }: ReconcileWorld,
  update: Partial<Parameters<typeof mayCompleteDetach>[1]> = {},
): ReturnType<MayCompleteDetach> {
  return mayCompleteDetach(ports, { node, ...update })([diskUri.toUpperCase()], never);
}

describe("mayCompleteDetach", () => {
  const rows: readonly {
    readonly because: string;
    readonly record: RecordChanges;
    readonly update?: Partial<Parameters<typeof mayCompleteDetach>[1]>;
    readonly may: boolean;
  }[] = [
    { because: "the node holds the volume", record: { writer }, may: false },
    {
      because: "the node may acquire it at any moment",
      record: { writer: { ...writer, held: false } },
      may: false,
    },
    { because: "the node is unverified", record: { unverified: [node] }, may: false },
    { because: "the record is of another store incarnation", record: { storeIncarnation: 7 }, may: false },
    {
      because: "another node writes it",
      record: { writer: { ...writer, ...identity("node-b") } },
      may: true,
    },
    { because: "no node writes it", record: {}, may: true },
    {
      because: "the disk itself is attached to a node that holds it",
      record: { writer },
      update: { attaches: { diskUri, attempt } },
      may: false,
    },
    {
      because: "the disk itself is attached to a node that waits for it",
      record: { writer: { ...writer, held: false } },
      update: { attaches: { diskUri, attempt } },
      may: true,
    },
    {
      because: "another disk is attached to a node that may acquire this one",
      record: { writer: { ...writer, held: false } },
      update: { attaches: { diskUri: `${diskUri}-2`, attempt } },
      may: false,
    },
    {
      because: "an unverified node has a pending write barrier, and may write",
      record: { unverified: [node], barrierPending: [node] },
      update: { mode: "flush" },
      may: false,
    },
    {
      because: "the node has shown itself clean before its write barrier",
      record: { defaultAccess: "quarantined", clean: [node], barrierPending: [node] },
      update: { mode: "flush" },
      may: true,
    },
    {
      because: "an unverified node without a pending write barrier may reclaim it",
      record: { unverified: [node] },
      update: { mode: "flush" },
      may: false,
    },
    {
      because: "the VM with the pending write barrier has a writer's disk",
      record: { writer },
      update: { mode: "flush" },
      may: false,
    },
    {
      because: "the VM that replaced the one with the write barrier writes the disk",
      record: { writer },
      update: { mode: "flush", node: replaced },
      may: false,
    },
    {
      because: "the VM that replaced the one with the write barrier may reclaim the disk",
      record: { unverified: [replaced, node], barrierPending: [replaced] },
      update: { mode: "flush", node: replaced },
      may: false,
    },
    {
      because: "the VM and its predecessor both have a pending write barrier",
      record: { unverified: [replaced, node], barrierPending: [replaced, node] },
      update: { mode: "flush", node: replaced },
      may: false,
    },
    {
      because: "the VM with the write barrier writes under another name",
      record: { writer },
      update: { mode: "flush", node: renamed },
      may: false,
    },
    {
      because: "the node with the write barrier writes on a VM that has moved",
      record: { writer },
      update: { mode: "flush", node: { ...node, instanceUri: `${node.instanceUri}-moved` } },
      may: false,
    },
    {
      because: "another node than the VM with the write barrier writes it",
      record: { writer: { ...writer, ...identity("node-b") } },
      update: { mode: "flush" },
      may: true,
    },
    {
      because: "a fence waits for a volume that the node holds",
      record: { writer },
      update: { mode: "fence" },
      may: false,
    },
    {
      because: "a fence waits for a volume that the node may acquire",
      record: { writer: { ...writer, held: false } },
      update: { mode: "fence" },
      may: false,
    },
    {
      because: "a fence waits for an unverified node",
      record: { unverified: [node] },
      update: { mode: "fence" },
      may: false,
    },
    {
      because: "a fence includes what is being fenced from the node",
      record: { writer: { ...writer, requested: false }, fencing: node },
      update: { mode: "fence" },
      may: true,
    },
    {
      because: "a fence spares the node while another one is being fenced",
      record: { writer, fencing: identity("node-b") },
      update: { mode: "fence" },
      may: false,
    },
    {
      because: "an update that is no fence waits for the node's fence",
      record: { writer: { ...writer, requested: false }, fencing: node },
      may: false,
    },
  ];
  for (const { because, record, update = {}, may } of rows)
    it(`answers ${may}: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(record));
        assert.equal(await asked(world, update), may);
      }));

  it("allows a fence to carry out what the node writes while it is out of service", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer }));
      const answers = async () => [await asked(world, { mode: "fence" }), await asked(world)];
      const emitted = (): readonly string[] => world.emitted.map(({ reason }) => reason);
      assert.deepEqual(
        [await answers(), emitted()],
        [
          [false, false],
          ["DetachLeftBehind", "DetachLeftBehind"],
        ],
      );
      world.outOfService.add("node-a");
      assert.deepEqual(await answers(), [true, false]);
      world.outOfService.delete("node-a");
      assert.deepEqual(await answers(), [false, false]);
    }));

  describe("of what the driver's own fence has marked", () => {
    const reasons = ({ emitted }: ReconcileWorld): readonly string[] => emitted.map(({ reason }) => reason);
    const fenced = { writer: { ...writer, requested: false }, fencing: node };

    it("delays other updates without an event: the fence reports itself", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(fenced));
        const answers = [
          await asked(world),
          await asked(world, { attaches: { diskUri: `${diskUri}-2`, attempt } }),
          await asked(world, { mode: "flush", node: { ...node, vmId: "vm-there-before" } }),
        ];
        assert.deepEqual([answers, reasons(world)], [[false, false, false], []]);
      }));

    it("reports a mark on a node while another one is being fenced", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer, fencing: identity("node-b") }));
        assert.deepEqual([await asked(world), reasons(world)], [false, ["DetachLeftBehind"]]);
      }));

    it("carries it out beside another fence without a word of other clients", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(fenced));
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        const { state } = world.attachment("node-a")?.status ?? {};
        assert.deepEqual(
          [state, await asked(world, { mode: "fence" }), world.attachment("node-a")?.status?.state],
          ["Attached", true, "Detaching"],
        );
        assert.deepEqual(reasons(world), []);
      }));
  });

  for (const state of ["Detaching", "DetachmentFailed"] as const)
    it(`gives a detach that was begun another attempt (${state})`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        const begun = { state, attempt: "mark-1" };
        await world.given("AzVolumeAttachment", aReplica("node-a", { status: begun }));
        assert.equal(await asked(world), true);
        const status = world.attachment("node-a")?.status;
        assert.equal(status?.state, state);
        assert.ok(status.attempt !== undefined && status.attempt !== "mark-1");
        assert.deepEqual(world.emitted, []);
      }));

  it("delays a fence if its node's mark is removed while the disk is marked", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer }));
      world.outOfService.add("node-a");
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const { store } = world.ports;
      const updateStatus: typeof store.updateStatus = (...args) => {
        world.outOfService.delete("node-a");
        return store.updateStatus(...args);
      };
      const ports = { ...world.ports, store: { ...store, get: store.get, updateStatus } };
      assert.equal(await mayCompleteDetach(ports, { node, mode: "fence" })([diskUri], never), false);
    }));

  it("delays a fence where the VM's node was renamed and is in service", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...writer, ...renamed } }));
      world.outOfService.add("node-a");
      const named = (nodeName: string): ReturnType<typeof asked> => {
        const users = { ...world.ports.users, cachedNodeNameOf: () => nodeName };
        return mayCompleteDetach({ ...world.ports, users }, { node, mode: "fence" })([diskUri], never);
      };
      assert.deepEqual([await named("node-renamed"), await named("node-a")], [false, true]);
      world.outOfService.add("node-renamed");
      assert.equal(await named("node-renamed"), true);
    }));

  describe("of a volume whose record does not show who uses it on the VM", () => {
    const found: RecordChanges = { defaultAccess: "quarantined", clean: [identity("node-b")] };
    const rows: readonly {
      readonly because: string;
      readonly volume: AzVolume;
      readonly use: VolumeUse;
      readonly may: boolean;
    }[] = [
      {
        because: "a pod uses it by a rebuilt record that does not name its node",
        volume: aVolumeWithRecord(found),
        use: used,
        may: false,
      },
      {
        because: "whether a pod uses it is not known",
        volume: aVolumeWithRecord(found),
        use: { kind: "unknown" },
        may: false,
      },
      {
        because: "no pod uses it there",
        volume: aVolumeWithRecord(found),
        use: { kind: "unused" },
        may: true,
      },
      {
        because: "its node has shown itself clean, and its pod waits",
        volume: aVolumeWithRecord({ ...found, clean: [node] }),
        use: used,
        may: true,
      },
      { because: "it is new, and its pod waits", volume: aVolumeWithRecord({}), use: used, may: true },
      { because: "a pod uses a shared one whose attachment was lost", volume: shared, use: used, may: false },
      { because: "no pod uses a shared one", volume: shared, use: { kind: "unused" }, may: true },
    ];
    for (const { because, volume, use, may } of rows)
      it(`answers ${may}: ${because}`, () =>
        withControllerPorts(async (world) => {
          world.use = use;
          await world.given("AzVolume", volume);
          for (const update of [{}, { mode: "flush" }, { mode: "fence" }] as const)
            assert.equal(await asked(world, update), may);
          const emitted = may ? [] : ["DetachLeftBehind", "DetachLeftBehind", "DetachLeftBehind"];
          assert.deepEqual(
            world.emitted.map(({ reason }) => reason),
            emitted,
          );
        }));

    it("allows fences that would wait for each other", () =>
      withControllerPorts(async (world) => {
        world.use = used;
        await world.given("AzVolume", aVolumeWithRecord({ ...found, fencing: node }));
        assert.equal(await asked(world, { mode: "fence" }), true);
      }));
  });

  describe("of a disk without a volume", () => {
    const uses: readonly { readonly because: string; readonly use: VolumeUse; readonly may: boolean }[] = [
      { because: "no pod on the VM uses it", use: { kind: "unused" }, may: true },
      { because: "a pod on the VM uses it", use: used, may: false },
      { because: "the orchestrator can't be asked", use: { kind: "unknown" }, may: false },
    ];
    const updates = {
      "any update": {},
      "an attach": { attaches: { diskUri: `${diskUri}-2`, attempt } },
      "a settlement": { mode: "flush" },
      "a fence": { mode: "fence" },
    } as const;
    for (const [name, update] of Object.entries(updates))
      for (const { because, use, may } of uses)
        it(`answers ${may} to ${name}: ${because}`, () =>
          withControllerPorts(async (world) => {
            world.use = use;
            assert.deepEqual(
              [await asked(world, update), world.emitted.map(({ reason }) => reason)],
              [may, may ? [] : ["DetachLeftBehind"]],
            );
          }));

    it("allows a fence where its node is out of service", () =>
      withControllerPorts(async (world) => {
        world.use = used;
        world.outOfService.add("node-a");
        assert.deepEqual([await asked(world, { mode: "fence" }), await asked(world)], [true, false]);
      }));

    it("names the disk, the node and the pods", () =>
      withControllerPorts(async (world) => {
        world.use = used;
        await asked(world);
        const [event] = world.emitted;
        assert.deepEqual(event?.about, { kind: "AzDriverNode", name: "node-a" });
        for (const name of [diskUri.toUpperCase(), "node-a", "pod default/db-0"])
          assert.ok(event.message.includes(name), event.message);
      }));

    for (const [because, said] of [
      ["the API server is away", "the API server is away"],
      [undefined, "no answer"],
    ] as const)
      it(`says why it is not known whether a pod uses it: ${said}`, () =>
        withControllerPorts(async (world) => {
          world.use = { kind: "unknown", ...(because === undefined ? {} : { because }) };
          await asked(world);
          assert.ok(
            world.emitted[0]?.message.endsWith(`it is not known whether a pod uses it (${said})`),
            world.emitted[0]?.message,
          );
        }));

    it("requests the pods under each name that the VM's node has", () =>
      withControllerPorts(async (world) => {
        const on = async ({ nodeName }: { readonly nodeName: string }): Promise<VolumeUse> =>
          nodeName === "node-a" ? used : { kind: "unused" };
        const ports = { ...world.ports, users: { ...world.ports.users, on } };
        for (const onVm of [node, renamed, { ...node, nodeName: node.instanceUri }])
          assert.equal(
            await mayCompleteDetach(ports, { node: onVm })([diskUri], never),
            false,
            onVm.nodeName,
          );
      }));

    it("answers true for a VM that is no node of the cluster", () =>
      withControllerPorts(async (world) => {
        world.use = { kind: "unknown" };
        const { instanceUri } = identity("rescue");
        assert.equal(
          await asked(world, { node: { nodeName: instanceUri, vmId: instanceUri, instanceUri } }),
          true,
        );
      }));

    it("uses a record that the cache does not show yet", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ unverified: [node] }));
        const ports = { ...world.ports, cache: { ...world.ports.cache, byIndex: () => [] } };
        assert.equal(await mayCompleteDetach(ports, { node })([diskUri], never), false);
      }));

    it("ignores the record of another disk whose volume has its name", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer }));
        const elsewhere = diskUri.replace("rg-1", "rg-2");
        assert.equal(await mayCompleteDetach(world.ports, { node })([elsewhere], never), true);
      }));
  });

  it("marks a replica's attachment for the foreign detach, and reports it once", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...writer, ...identity("node-b") } }));
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      const before = world.attachment("node-a")?.status ?? assert.fail("no status");
      for (const again of [false, true]) {
        assert.equal(await asked(world), true);
        const reasons = world.emitted.map(({ reason }) => reason);
        assert.deepEqual(
          [world.attachment("node-a")?.status, reasons],
          [{ ...before, state: "Detaching" }, ["DetachCarriedOut"]],
          `${again}`,
        );
      }
    }));

  for (const [whose, attaches] of [
    ["of another disk", undefined],
    ["of a former attempt of that attach", { diskUri, attempt: "attach-0" }],
  ] as const)
    it(`marks an attachment whose attach may just have ended, for an update ${whose}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        const { vmId, instanceUri } = node;
        const attaching = { state: "Attaching", attempt, vmId, instanceUri } as const;
        await world.given("AzVolumeAttachment", aReplica("node-a", { status: attaching }));
        const before = world.attachment("node-a")?.status ?? assert.fail("no status");
        assert.equal(await asked(world, { ...(attaches === undefined ? {} : { attaches }) }), true);
        const { attempt: _, ...rest } = before;
        assert.deepEqual(world.attachment("node-a")?.status, { ...rest, state: "Detaching" });
        assert.deepEqual(
          world.emitted.map(({ reason }) => reason),
          ["DetachCarriedOut"],
        );
      }));

  it("leaves an attach that carries the detach out itself: it looks again after that", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      const attaching = { state: "Attaching", attempt } as const;
      await world.given("AzVolumeAttachment", aReplica("node-a", { status: attaching }));
      assert.equal(await asked(world, { attaches: { diskUri, attempt } }), true);
      assert.equal(world.attachment("node-a")?.status?.state, "Attaching");
    }));

  it("answers false where the attachment can't be marked", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      world.store.failNext({ fault: "unavailable", verb: "updateStatus", kind: "AzVolumeAttachment" });
      assert.deepEqual([await asked(world), world.emitted], [false, []]);
      assert.equal(await asked(world), true);
    }));

  it("leaves an attachment of a third VM as it is, also during a write barrier", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { status: { vmId: "third", instanceUri: `${node.instanceUri}-third` } }),
      );
      assert.equal(await asked(world, { mode: "flush" }), true);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
    }));

  for (const [earlier, what] of [
    [replaced, "an earlier VM"],
    [renamed, "another name of the VM"],
  ] as const)
    it(`marks the attachment of the VM's replica as ${what} passes the write barrier`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", aReplica("node-a"));
        assert.equal(await asked(world, { node: earlier, mode: "flush" }), true);
        assert.equal(world.attachment("node-a")?.status?.state, "Detaching");
      }));

  it("leaves the attachment of a later VM as it is where no write barrier is sent", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      assert.equal(await asked(world, { node: replaced }), true);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
    }));

  it("changes no attachment where the volume is in use, and reports that to its users", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      assert.equal(await asked(world), false);
      const reasons = world.emitted.map(({ reason }) => reason);
      assert.deepEqual(
        [world.attachment("node-a")?.status?.state, reasons],
        ["Attached", ["DetachLeftBehind"]],
      );
    }));

  it("answers false to an update when the node acquires the volume before the mark", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      const { store } = world.ports;
      const updateStatus: typeof store.updateStatus = async (...args) => {
        await world.setRecord((record) => {
          const granted = grant(record, node);
          const taken = granted.ok
            ? acquire(granted.value, node, { isClean: true, storeIncarnation: record.storeIncarnation })
            : granted;
          assert.ok(taken.ok);
          return taken.value;
        });
        return store.updateStatus(...args);
      };
      const ports = { ...world.ports, store: { ...store, get: store.get, updateStatus } };
      assert.equal(await mayCompleteDetach(ports, { node })([diskUri], never), false);
    }));

  it("answers false where the volume of an attachment is being recreated", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      assert.equal(await asked(world), false);
    }));

  it("answers false where a volume's record is missing and its writer is unknown", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ status: { record: undefined } }));
      assert.equal(await asked(world), false);
    }));

  it("allows the detach of a shared volume that is not published to the node", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      assert.equal(await asked(world), true);
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      assert.deepEqual([await asked(world), world.attachment("node-a")?.status?.state], [true, "Detaching"]);
    }));

  it("leaves a published shared attachment to the fence of a node out of service", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      world.outOfService.add("node-a");
      assert.deepEqual(
        [await asked(world, { mode: "fence" }), world.attachment("node-a")?.status?.state],
        [true, "Attached"],
      );
    }));

  describe("of a shared disk that is attached to the node itself", () => {
    const waiting: VolumeUse = { kind: "used", users: ["pod default/db-0"], areWaiting: true };
    const attaching = {
      state: "Attaching",
      attempt,
      vmId: node.vmId,
      instanceUri: node.instanceUri,
    } as const;
    const neverAttached = aReplica("node-a", { spec: { role: "Primary" }, status: undefined });
    const begun = { ...neverAttached, status: attaching };
    const checkpointed = { volumes: [{ volumeName: "pvc-1", uid: shared.metadata.uid, epoch: 0 }] };
    const rows: readonly {
      readonly because: string;
      readonly use: VolumeUse;
      readonly attachment?: AzVolumeAttachment;
      readonly reported?: typeof checkpointed;
      readonly attaches?: string;
      readonly may: boolean;
    }[] = [
      { because: "its pod waits for this very attach", use: waiting, may: true },
      { because: "a pod that has begun uses it", use: used, may: false },
      { because: "whether a pod uses it is not known", use: { kind: "unknown" }, may: false },
      { because: "no pod is there: a CSI client has published it", use: { kind: "unused" }, may: false },
      {
        because: "the node had the disk by this attachment",
        use: waiting,
        attachment: { ...begun, status: { ...attaching, lun: 0 } },
        may: false,
      },
      {
        because: "the node has a checkpoint of the volume",
        use: waiting,
        reported: checkpointed,
        may: false,
      },
      { because: "another disk is attached", use: waiting, attaches: `${diskUri}-2`, may: false },
    ];
    for (const { because, use, attachment = begun, reported = {}, attaches = diskUri, may } of rows)
      it(`answers ${may}: ${because}`, () =>
        withControllerPorts(async (world) => {
          world.use = use;
          await world.given("AzVolume", shared);
          await world.given("AzVolumeAttachment", attachment);
          await world.given("AzDriverNode", aDriverNode("node-a", reported));
          assert.deepEqual(
            [
              await asked(world, { attaches: { diskUri: attaches, attempt } }),
              world.attachment("node-a")?.status?.state,
            ],
            [may, "Attaching"],
          );
          assert.equal(await asked(world), false, "to an update for another purpose");
        }));

    it("answers false while a pod of one of the VM's names has begun", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", shared);
        await world.given("AzVolumeAttachment", begun);
        await world.given("AzDriverNode", aDriverNode("node-a"));
        const on = async ({ nodeName }: { readonly nodeName: string }): Promise<VolumeUse> =>
          nodeName === "node-a" ? used : waiting;
        const ports = { ...world.ports, users: { ...world.ports.users, on } };
        assert.equal(
          await mayCompleteDetach(ports, { node: renamed, attaches: { diskUri, attempt } })([diskUri], never),
          false,
        );
      }));
  });

  it("spares a shared volume that is published to the node", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      assert.deepEqual([await asked(world), world.attachment("node-a")?.status?.state], [false, "Attached"]);
      assert.deepEqual(
        [await asked(world, { node: renamed, mode: "flush" }), world.attachment("node-a")?.status?.state],
        [false, "Attached"],
      );
      await world.given("AzVolumeAttachment", aReplica("node-renamed"));
      assert.equal(await asked(world, { node: renamed, mode: "flush" }), false, "under one name of several");
    }));
});

describe("forcedDetaches", () => {
  const others = `${diskUri}-of-others`;
  const forcedOf = (world: ReconcileWorld): ReturnType<ForcedDetaches> =>
    forcedDetaches(world.ports, { node, volumeName: "pvc-fenced" })([others, diskUri.toUpperCase()], never);

  it("answers the disks of the driver's volumes, and names every other in an event", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      assert.deepEqual(await forcedOf(world), [diskUri.toUpperCase()]);
      const [event, ...more] = world.emitted;
      assert.deepEqual(
        [event?.about, event?.nodeName, event?.reason, more],
        [{ kind: "AzVolume", name: "pvc-fenced" }, "node-a", "DetachNotForced", []],
      );
      assert.ok(event?.message.includes(others), event?.message);
    }));

  it("answers every disk while the node is out of service", () =>
    withControllerPorts(async (world) => {
      world.outOfService.add("node-a");
      assert.deepEqual([await forcedOf(world), world.emitted], [[others, diskUri.toUpperCase()], []]);
      world.outOfService.delete("node-a");
      assert.deepEqual(await forcedOf(world), []);
    }));

  it("postpones a fence beside a disk that the node in service may write by now", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer }));
      assert.equal(await forcedOf(world), undefined);
      world.outOfService.add("node-a");
      assert.deepEqual(await forcedOf(world), [others, diskUri.toUpperCase()]);
    }));

  it("answers no disk that the store does not show", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      const { store } = world.ports;
      const get: typeof store.get = async () => fail({ kind: "StoreUnavailable", detail: "it is down" });
      const ports = { ...world.ports, store: { ...store, get } };
      const forced = forcedDetaches(ports, { node, volumeName: "pvc-fenced" });
      assert.deepEqual([await forced([diskUri], never), world.emitted], [[], []]);
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelMachine } from "../../adapters/model-host/model-machine.ts";
import { aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import type { RecordChanges } from "../../core/testing/record-lists.ts";
import { valueOf, kindOf } from "../../core/testing/value-of.ts";
import { grantKey, preemptorKey } from "../../core/writer/reservation/reservation-key.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { preemptReconciler } from "./preempt-reconciler.ts";

const never = new AbortController().signal;
const writer = aWriter("node-b", { requested: false });
const fenced: RecordChanges = { writer, fencing: identity("node-b") };
const shared = { disk: { maxShares: 3 } };

interface Peer {
  readonly victim: string;
  /** Who holds the disk now. */
  readonly holder: () => Promise<string | undefined>;
  readonly release: () => Promise<void>;
}

/** The writer, which is being fenced and has the disk reserved under its grant's key, or another one. */
async function aWriterPeer(world: NodeWorld, key?: string): Promise<Peer> {
  const machine = createModelMachine({ nodeName: "node-b", clock: world.clock });
  machine.attach({ lun: 0, disk: world.disk });
  const host = machine.startPlugin();
  const device = valueOf(await world.answerOf(host.findDevice({ lun: 0 }, never)));
  const volume = await world.answerOf(world.ports().store.get("AzVolume", "pvc-1", never));
  const victim = grantKey({ volumeUid: valueOf(volume).metadata.uid, storeIncarnation: 0, writer });
  valueOf(await host.reserve({ device, key: key ?? victim }, never));
  return {
    victim,
    holder: async () => valueOf(await host.readReservation(device, never)),
    release: async () => valueOf(await host.releaseReservation({ device, key: key ?? victim }, never)),
  };
}

async function preempt(
  world: NodeWorld,
  ports: NodePorts = world.ports(),
  reservations = true,
): Promise<string> {
  // The cache follows the record.
  await world.clock.advance(1_000);
  const done = await world.answerOf(
    preemptReconciler({ ...ports, settings: { ...ports.settings, reservations } }).reconcile("pvc-1", never),
  );
  return kindOf(done);
}

describe("preemptReconciler", () => {
  it("takes the reservation from a node that is being fenced, and reports it", () =>
    withNode(
      fenced,
      async (world) => {
        const { victim, holder } = await aWriterPeer(world);
        assert.equal(await preempt(world), "ok");
        assert.equal(await holder(), preemptorKey(victim, identity("node-a")));
        assert.equal(world.attachment()?.status?.preempted, victim);
      },
      shared,
    ));

  it("reports what an earlier process of this plug-in has preempted", () =>
    withNode(
      fenced,
      async (world) => {
        const { victim } = await aWriterPeer(world);
        const ports = world.ports();
        const died = {
          ...ports,
          store: { ...ports.store, updateStatus: () => Promise.reject(new Error("died")) },
        };
        await assert.rejects(preempt(world, died), /died/u);
        assert.equal(world.attachment()?.status?.preempted, undefined);
        world.restartPlugin();
        // What that process has sent may still abort writes of the victim.
        const restarted = world.ports();
        const earlierChildrenAlive = () => Promise.resolve({ ok: true, value: true } as const);
        await preempt(world, { ...restarted, host: { ...restarted.host, earlierChildrenAlive } });
        assert.equal(world.attachment()?.status?.preempted, undefined);
        assert.equal(await preempt(world), "ok");
        assert.equal(world.attachment()?.status?.preempted, victim);
      },
      shared,
    ));

  it("preempts nothing by a node that reserves no disks", () =>
    withNode(
      fenced,
      async (world) => {
        const { victim, holder } = await aWriterPeer(world);
        assert.equal(await preempt(world, world.ports(), false), "ok");
        assert.equal(await holder(), victim);
      },
      shared,
    ));

  const nothing = async (
    record: RecordChanges,
    prepare: (world: NodeWorld) => Promise<Peer>,
    ports?: (world: NodeWorld) => NodePorts,
  ): Promise<void> =>
    withNode(
      record,
      async (world) => {
        const { holder } = await prepare(world);
        const before = await holder();
        assert.equal(await preempt(world, ports?.(world)), "ok");
        assert.equal(await holder(), before);
        assert.equal(world.attachment()?.status?.preempted, undefined);
      },
      shared,
    );

  it("leaves a writer alone that is not being fenced", () => nothing({ writer }, aWriterPeer));
  it("preempts no other grant than the one that is being fenced", () =>
    nothing(fenced, (world) => aWriterPeer(world, "617a00000000beef")));
  it("reserves nothing where the fenced node holds no reservation: it may still write", () =>
    nothing(fenced, async (world) => {
      const peer = await aWriterPeer(world);
      await peer.release();
      return peer;
    }));
  it("preempts nothing where its own mounts may write, by the record", () =>
    nothing({ ...fenced, quarantined: [identity("node-a")] }, aWriterPeer));
  it("preempts nothing where it has used the volume itself", () =>
    nothing(fenced, async (world) => {
      await world.answerOf(
        world.ports().checkpoints.put(aCheckpoint({ volumeName: "pvc-1", volumeId: diskUri }), never),
      );
      return aWriterPeer(world);
    }));
  it("preempts nothing once the fence is over, as the record shows past the cache", () =>
    nothing(fenced, aWriterPeer, (world) => {
      const ports = world.ports();
      const get: NodePorts["store"]["get"] = async (kind, name, signal) => {
        const read = await ports.store.get(kind, name, signal);
        if (kind !== "AzVolume" || !read.ok) return read;
        await world.setRecord(
          (record) => ({ ...record, writer: aWriter("node-c"), fencing: undefined }) as never,
        );
        return ports.store.get(kind, name, signal);
      };
      return { ...ports, store: { ...ports.store, get } };
    }));

  it("reports nothing where the disk can't abort the writes that it has accepted", () =>
    nothing(fenced, async (world) => {
      world.disk.reservation.support = "withoutAbort";
      return aWriterPeer(world);
    }));
});
